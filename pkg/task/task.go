// Package task reads what a director's tasks say about a deployment: which deploys there
// were, which of them are of the same content, and why one failed.
package task

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

// Director is what this package asks of a director.
type Director interface {
	// Task fails with bosh.ErrNotFound.
	Task(ctx context.Context, id int) (bosh.Task, error)
	Tasks(ctx context.Context, filter bosh.TaskFilter) ([]bosh.Task, error)
}

// taskLimits are how many tasks a director is asked for, one after the other, until they
// are enough: it sorts by the time of their end and knows no pages. It keeps 2,000 of
// each kind unless it is told otherwise.
var taskLimits = []int{100, 1_000, 10_000}

// ByID sorts tasks, the lowest id first.
func ByID(tasks []bosh.Task) []bosh.Task {
	return slices.SortedFunc(slices.Values(tasks), func(a, b bosh.Task) int { return cmp.Compare(a.ID, b.ID) })
}

// listTasks gives a deployment's tasks in some states, as many as are enough where that
// is not nil, else all. Their order is the director's.
func listTasks(ctx context.Context, director Director, filter bosh.TaskFilter, enough func([]bosh.Task) bool) ([]bosh.Task, error) {
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

// All are the running tasks of a deployment and those that have ended, as many of
// these as are enough. Two lists: where the director's database puts those without an
// end last, a limit would cut them off. The running ones first: a task whose worker has
// died becomes a timeout only when somebody reads it.
func All(ctx context.Context, director Director, filter bosh.TaskFilter, enough func([]bosh.Task) bool) ([]bosh.Task, error) {
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

// LeaveQueued replaces what was overtaken in a list by tasks that count for nothing but
// their id, and says so. Where nothing is queued it asks nobody.
func LeaveQueued(ctx context.Context, director Director, tasks []bosh.Task, say func(bosh.Task)) ([]bosh.Task, error) {
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

// Numbers are the ids of tasks as people write a list.
func Numbers(ids []int) string {
	text := make([]string, len(ids))
	for i, id := range ids {
		text[i] = strconv.Itoa(id)
	}
	return strings.Join(text, ", ")
}
