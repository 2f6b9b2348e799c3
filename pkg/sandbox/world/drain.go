package world

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

func (w *World) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) * w.options.Scale)
}

// drain is what BOSH does before it stops an instance.
func (w *World) drain(ctx context.Context, u director.Update) error {
	w.options.Observe("BOSH", fmt.Sprintf("task %d drains and stops %s/%d", u.Task, u.Group, u.Index))
	if isWeb(u) {
		w.drainWeb(ctx)
	}
	if isWorker(u) {
		return w.drainWorker(ctx, u)
	}
	return nil
}

// update is what the new jobs of an instance do to Concourse when they start.
func (w *World) update(_ context.Context, u director.Update) error {
	w.options.Observe("BOSH", fmt.Sprintf("task %d starts %s/%d with %s on stemcell %s", u.Task, u.Group, u.Index, releaseNames(u), u.Stemcell))
	if isWeb(u) {
		if err := w.startWeb(u); err != nil {
			return err
		}
	}
	if isWorker(u) {
		w.startWorker(u)
	}
	return nil
}

// releaseNames names what an instance runs.
func releaseNames(u director.Update) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(u.Releases)) {
		list = append(list, name+" "+u.Releases[name])
	}
	return strings.Join(list, ", ")
}

// Idle waits until the director runs no task.
func (w *World) Idle(ctx context.Context) error {
	return wait(ctx, func() bool {
		for _, t := range w.Director.Tasks() {
			if t.State == director.StateQueued || t.State == director.StateProcessing || t.State == director.StateCancelling {
				return false
			}
		}
		return true
	})
}

// Settle waits until the director runs no task. Unlike Idle it asks as clients
// do: a task whose worker was killed ends when somebody looks at it.
func (w *World) Settle(ctx context.Context) error {
	busy := "/tasks?verbose=2&state=" + strings.Join([]string{director.StateQueued, director.StateProcessing, director.StateCancelling}, ",")
	return wait(ctx, func() bool {
		var tasks []director.Task
		token, err := w.directorToken() // a test may revoke those before
		if err != nil || w.read(busy, token, &tasks) != nil {
			return false // the director is restarting
		}
		return len(tasks) == 0
	})
}

// wait looks until it is so, or ctx ends.
func wait(ctx context.Context, so func() bool) error {
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for !so() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
	return nil
}
