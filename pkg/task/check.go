package task

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

// Check gives the finished deploy tasks of a deployment, well or badly ended,
// from the given version on.
type Check struct {
	Director Director
	Log      io.Writer
	Debug    *slog.Logger // is told what the tasks were taken for; nil: nothing is logged
}

// Run gives the last one at the first check; later the given one, if the director still
// knows it, and all after it. A director that was rebuilt, or restored from a backup,
// counts its tasks from a lower number again: then it gives the last one.
//
// given is nil at the first check; 0 is before all tasks.
func (c Check) Run(ctx context.Context, deployment string, given *int) ([]int, error) {
	after := 0
	if given != nil {
		after = *given
	}
	tasks, err := All(ctx, c.Director, bosh.TaskFilter{Deployment: deployment}, func(tasks []bosh.Task) bool {
		return slices.ContainsFunc(tasks, func(t bosh.Task) bool { return t.IsDeploy() && (after == 0 || t.ID <= after) })
	})
	if err != nil {
		return nil, err
	}
	deploys := finishedDeploys(tasks)
	if c.Debug != nil {
		c.Debug.DebugContext(ctx, "deploys that have ended", "deployment", deployment, "after", after, "tasks", taskIDs(deploys))
	}
	last := deploys[max(len(deploys)-1, 0):]
	switch {
	case given == nil:
		deploys = last
	case after != 0:
		is, err := c.task(ctx, tasks, after)
		if err != nil {
			return nil, err
		}
		if c.restarted(deployment, after, is, last) {
			deploys, after = last, 0
		}
	}
	var ids []int
	for _, t := range deploys {
		if t.ID >= after {
			ids = append(ids, t.ID)
		}
	}
	return ids, nil
}

// task finds the given task in the list or, where it is not there, at the director; nil
// says that the director has none.
func (c Check) task(ctx context.Context, listed []bosh.Task, id int) (*bosh.Task, error) {
	if i := slices.IndexFunc(listed, func(t bosh.Task) bool { return t.ID == id }); i >= 0 {
		return &listed[i], nil
	}
	t, err := c.Director.Task(ctx, id)
	if errors.Is(err, bosh.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read director task %d: %w", id, err)
	}
	return &t, nil
}

// restarted says whether the director is not the one that has given the version, or
// knows less than it did: then what is the given task, if there is one, is not a deploy of
// the deployment, or there is none although there are lower ones, which a director
// forgets first.
func (c Check) restarted(deployment string, given int, is *bosh.Task, last []bosh.Task) bool {
	say := func(format string, args ...any) {
		_, _ = fmt.Fprintf(c.Log, "director task %d "+format+"\n", append([]any{given}, args...)...)
	}
	what := "is not there"
	switch {
	case is == nil && len(last) > 0 && last[0].ID > given:
		return false // forgotten in the course of time
	case is != nil && is.IsDeploy() && is.IsOf(deployment):
		if !is.Finished() {
			say("has not ended yet")
		}
		return false
	case is != nil:
		what = fmt.Sprintf("is %s, not a deploy of %s", is.Kind(deployment), deployment)
	}
	if len(last) == 0 {
		say("%s, and no other deploy of %s has ended", what, deployment)
		return true
	}
	say("%s: the director counts its tasks from 1 again, as one that was rebuilt or restored does; going on from its newest deploy, task %d", what, last[0].ID)
	return true
}

func taskIDs(tasks []bosh.Task) string {
	ids := make([]int, len(tasks))
	for i, t := range tasks {
		ids[i] = t.ID
	}
	return Numbers(ids)
}

// finishedDeploys are the deploys that have ended, lowest id first.
func finishedDeploys(tasks []bosh.Task) []bosh.Task {
	deploys := slices.DeleteFunc(ByID(tasks), func(t bosh.Task) bool { return !t.IsDeploy() || !t.Finished() })
	// A twin that lost the lock to its sibling says nothing of its own.
	all := slices.Clone(deploys)
	return slices.DeleteFunc(deploys, func(t bosh.Task) bool {
		return t.LostLock() && t.ContextID != "" && slices.ContainsFunc(all, func(o bosh.Task) bool {
			return o.ContextID == t.ContextID && !o.LostLock()
		})
	})
}
