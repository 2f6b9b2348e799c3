package upgrade

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// taskLimits are how many tasks a director is asked for, one after the other, until they
// are enough: it sorts by the time of their end and knows no pages. It keeps 2,000 of
// each kind unless it is told otherwise.
var taskLimits = []int{100, 1_000, 10_000}

func byID(tasks []Task) []Task {
	return slices.SortedFunc(slices.Values(tasks), func(a, b Task) int { return cmp.Compare(a.ID, b.ID) })
}

// holds says whether the task, while it runs, keeps others from deploying.
func (t Task) holds() bool {
	return strings.HasPrefix(t.Description, deployDescription) || strings.HasPrefix(t.Description, deleteDescription)
}

// lostLock says whether the task ended because another one held the deployment.
// A real director cuts the result: "Failed to acquire lock for
// lock:deployment:concourse uid: 8c1f…. Locking task id is 19, description:...".
func (t Task) lostLock() bool {
	return t.State == StateError && strings.HasPrefix(t.Result, "Failed to acquire lock for lock:deployment:")
}

// isDeploy says whether the task is a deploy, and no dry run of one, which is called
// "create deployment (dry run)".
func (t Task) isDeploy() bool { return t.Description == deployDescription }

// isOf says whether the task works on a deployment. A director takes names that differ
// in case alone for the same.
func (t Task) isOf(deployment string) bool { return strings.EqualFold(t.Deployment, deployment) }

// what names the task's kind, and its deployment unless that is the given one.
func (t Task) what(deployment string) string {
	text := fmt.Sprintf("%q", t.Description)
	if t.Deployment != "" && !t.isOf(deployment) {
		text += " of " + t.Deployment
	}
	return text
}

// name says to people which task this is.
func (t Task) name() string {
	text := fmt.Sprintf("director task %d (%s by %s, %s", t.ID, t.Description, t.User, t.State)
	if !t.StartedAt.IsZero() {
		text += ", since " + t.StartedAt.UTC().Format(time.DateTime) + " UTC"
	}
	return text + ")"
}

// listTasks gives a deployment's tasks in some states, as many as are enough where that
// is not nil, else all. Their order is the director's.
func listTasks(ctx context.Context, director Tasks, filter TaskFilter, enough func([]Task) bool) ([]Task, error) {
	for i, limit := range taskLimits {
		filter.Limit = limit
		tasks, err := director.Tasks(ctx, filter)
		if err != nil {
			return nil, fmt.Errorf("list tasks of %s: %w", filter.Deployment, err)
		}
		if len(tasks) < limit || i == len(taskLimits)-1 || enough != nil && enough(tasks) {
			return slices.DeleteFunc(tasks, func(t Task) bool { return !t.isOf(filter.Deployment) }), nil
		}
	}
	return nil, nil
}

// allTasks are the running tasks of a deployment and those that have ended, as many of
// these as are enough. Two lists: where the director's database puts those without an
// end last, a limit would cut them off. The running ones first: a task whose worker has
// died becomes a timeout only when somebody reads it.
func allTasks(ctx context.Context, director Tasks, filter TaskFilter, enough func([]Task) bool) ([]Task, error) {
	filter.States = []string{StateQueued, StateProcessing, StateCancelling}
	all, err := listTasks(ctx, director, filter, nil)
	if err != nil {
		return nil, err
	}
	filter.States, filter.All = []string{StateDone, StateError, StateTimeout, StateCancelled}, false
	ended, err := listTasks(ctx, director, filter, enough)
	if err != nil {
		return nil, err
	}
	all = append(all, ended...)
	// A task that ended between the two is in both, first with its old state.
	slices.SortStableFunc(all, func(a, b Task) int { return cmp.Compare(a.ID, b.ID) })
	slices.Reverse(all)
	return slices.CompactFunc(all, func(a, b Task) bool { return a.ID == b.ID }), nil
}

// overtaking is for how long later tasks were worked on before one that is queued
// counts as left behind: a worker that has just taken it needs a moment to say so.
const overtaking = 30 * time.Second

// overtaken says whether a queued task is one that no worker will take. A director that
// dies between the row of a task and its job leaves such a row for ever; workers take
// jobs in their order, so that later tasks have ended then.
func (t Task) overtaken(others []Task) bool {
	var from, to time.Time
	for _, o := range others {
		if o.ID <= t.ID || !o.Finished() || o.StartedAt.IsZero() {
			continue
		}
		if from.IsZero() || o.StartedAt.Before(from) {
			from = o.StartedAt
		}
		if o.FinishedAt.After(to) {
			to = o.FinishedAt
		}
	}
	return t.State == StateQueued && to.Sub(from) >= overtaking
}

// leftQueued is the description of a task that was overtaken. It holds nothing.
const leftQueued = "left in the queue"

// leaveQueued replaces what was overtaken in a list by tasks that count for nothing but
// their id, and says so. Where nothing is queued it asks nobody.
func leaveQueued(ctx context.Context, director Tasks, tasks []Task, say func(Task)) ([]Task, error) {
	queued := func(t Task) bool { return t.State == StateQueued && t.holds() }
	if !slices.ContainsFunc(tasks, queued) {
		return tasks, nil
	}
	// Those of other deployments, and uploads, tell as well.
	others, err := director.Tasks(ctx, TaskFilter{Limit: taskLimits[0], States: []string{StateDone, StateError, StateTimeout, StateCancelled}})
	if err != nil {
		return nil, fmt.Errorf("list tasks: %w", err)
	}
	others = append(others, tasks...)
	for i, t := range tasks {
		if queued(t) && t.overtaken(others) {
			say(t)
			tasks[i] = Task{ID: t.ID, State: t.State, Description: leftQueued, Deployment: t.Deployment}
		}
	}
	return tasks, nil
}

// unqueue is what a person does about a task that no worker takes.
func (t Task) unqueue() string { return fmt.Sprintf("cancel it with `bosh cancel-task %d`", t.ID) }

// tasks are those of the run's deployment, back to a deploy that was done: what was
// before it counts no more.
func (o Out) tasks(ctx context.Context, r *run) ([]Task, error) {
	tasks, err := allTasks(ctx, o.Director, TaskFilter{Deployment: r.Source.Deployment, All: true}, func(tasks []Task) bool {
		return slices.ContainsFunc(tasks, func(t Task) bool { return t.isDeploy() && t.State == StateDone })
	})
	if err != nil {
		return nil, err
	}
	return leaveQueued(ctx, o.Director, tasks, func(t Task) {
		if !slices.Contains(r.left, t.ID) {
			r.left = append(r.left, t.ID)
			o.say("director task %d is queued, and later ones have ended: no worker will take it; going on without it; %s", t.ID, t.unqueue())
		}
	})
}
