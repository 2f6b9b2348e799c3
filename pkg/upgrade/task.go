package upgrade

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

// taskLimits are how many tasks a director is asked for, one after the other, until they
// are enough: it sorts by the time of their end and knows no pages. It keeps 2,000 of
// each kind unless it is told otherwise.
var taskLimits = []int{100, 1_000, 10_000}

func byID(tasks []bosh.Task) []bosh.Task {
	return slices.SortedFunc(slices.Values(tasks), func(a, b bosh.Task) int { return cmp.Compare(a.ID, b.ID) })
}

// listTasks gives a deployment's tasks in some states, as many as are enough where that
// is not nil, else all. Their order is the director's.
func listTasks(ctx context.Context, director Tasks, filter bosh.TaskFilter, enough func([]bosh.Task) bool) ([]bosh.Task, error) {
	for i, limit := range taskLimits {
		filter.Limit = limit
		tasks, err := director.Tasks(ctx, filter)
		if err != nil {
			return nil, fmt.Errorf("list tasks of %s: %w", filter.Deployment, err)
		}
		if len(tasks) < limit || i == len(taskLimits)-1 || enough != nil && enough(tasks) {
			return slices.DeleteFunc(tasks, func(t bosh.Task) bool { return !t.IsOf(filter.Deployment) }), nil
		}
	}
	return nil, nil
}

// allTasks are the running tasks of a deployment and those that have ended, as many of
// these as are enough. Two lists: where the director's database puts those without an
// end last, a limit would cut them off. The running ones first: a task whose worker has
// died becomes a timeout only when somebody reads it.
func allTasks(ctx context.Context, director Tasks, filter bosh.TaskFilter, enough func([]bosh.Task) bool) ([]bosh.Task, error) {
	filter.States = []string{bosh.StateQueued, bosh.StateProcessing, bosh.StateCancelling}
	all, err := listTasks(ctx, director, filter, nil)
	if err != nil {
		return nil, err
	}
	filter.States, filter.All = []string{bosh.StateDone, bosh.StateError, bosh.StateTimeout, bosh.StateCancelled}, false
	ended, err := listTasks(ctx, director, filter, enough)
	if err != nil {
		return nil, err
	}
	all = append(all, ended...)
	// A task that ended between the two is in both, first with its old state.
	slices.SortStableFunc(all, func(a, b bosh.Task) int { return cmp.Compare(a.ID, b.ID) })
	slices.Reverse(all)
	return slices.CompactFunc(all, func(a, b bosh.Task) bool { return a.ID == b.ID }), nil
}

// leaveQueued replaces what was overtaken in a list by tasks that count for nothing but
// their id, and says so. Where nothing is queued it asks nobody.
func leaveQueued(ctx context.Context, director Tasks, tasks []bosh.Task, say func(bosh.Task)) ([]bosh.Task, error) {
	queued := func(t bosh.Task) bool { return t.State == bosh.StateQueued && t.Holds() }
	if !slices.ContainsFunc(tasks, queued) {
		return tasks, nil
	}
	// Those of other deployments, and uploads, tell as well.
	others, err := director.Tasks(ctx, bosh.TaskFilter{Limit: taskLimits[0], States: []string{bosh.StateDone, bosh.StateError, bosh.StateTimeout, bosh.StateCancelled}})
	if err != nil {
		return nil, fmt.Errorf("list tasks: %w", err)
	}
	others = append(others, tasks...)
	for i, t := range tasks {
		if queued(t) && t.Overtaken(others) {
			say(t)
			tasks[i] = t.Left()
		}
	}
	return tasks, nil
}

// tasks are those of the run's deployment, back to a deploy that was done: what was
// before it counts no more.
func (o Out) tasks(ctx context.Context, r *run) ([]bosh.Task, error) {
	tasks, err := allTasks(ctx, o.Director, bosh.TaskFilter{Deployment: r.Deployment, All: true}, func(tasks []bosh.Task) bool {
		return slices.ContainsFunc(tasks, func(t bosh.Task) bool { return t.IsDeploy() && t.State == bosh.StateDone })
	})
	if err != nil {
		return nil, err
	}
	return leaveQueued(ctx, o.Director, tasks, func(t bosh.Task) {
		if !slices.Contains(r.left, t.ID) {
			r.left = append(r.left, t.ID)
			o.note(r, "director task %d is queued, and later ones have ended: no worker will take it; going on without it; %s", t.ID, t.Unqueue())
		}
	})
}
