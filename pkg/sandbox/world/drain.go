package world

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

// killWait is after what time bpm kills a web that waits for its builds.
const killWait = 20 * time.Second

// collectWait is in the middle of what the web's collector takes to see that a
// worker has drained.
const collectWait = 15 * time.Second

func (w *World) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) * w.options.Scale)
}

// pause waits, or fails with the context's error.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// drain is what BOSH does before it stops an instance: a worker gets USR1 and
// the time that drain_timeout gives it to end its builds.
func (w *World) drain(ctx context.Context, u director.Update) error {
	w.options.Observe("BOSH", fmt.Sprintf("task %d drains and stops %s/%d", u.Task, u.Group, u.Index))
	switch u.Group {
	case "web":
		if w.Concourse.Busy() { // it waits for its builds, until it is killed
			_ = pause(ctx, w.scaled(killWait))
		}
		w.Concourse.Stop()
		return nil
	case "worker":
	default:
		return nil
	}
	name := workerName(u)
	if err := w.Concourse.LandWorker(name); err != nil {
		return nil // it was not registered: there is nothing to wait for
	}
	ctx, cancel := context.WithTimeout(ctx, w.options.DrainTimeout)
	defer cancel()
	if err := w.Concourse.WaitDrained(ctx, name); err != nil {
		w.options.Observe("BOSH", name+" did not drain in time: its builds are killed")
		return w.Concourse.StallWorker(name)
	}
	return nil
}

// update is what the new jobs of an instance do to Concourse when they start.
func (w *World) update(_ context.Context, u director.Update) error {
	w.options.Observe("BOSH", fmt.Sprintf("task %d starts %s/%d with %s on stemcell %s", u.Task, u.Group, u.Index, releases(u), u.Stemcell))
	switch u.Group {
	case "web":
		if err := w.bootWeb(u.Manifest); err != nil {
			return err
		}
		w.Concourse.SetVersion(u.Releases["concourse"], workerVersion)
		w.Concourse.Restart()
	case "worker":
		w.Concourse.RegisterWorker(workerName(u), "")
	}
	return nil
}

// releases names what an instance runs.
func releases(u director.Update) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(u.Releases)) {
		list = append(list, name+" "+u.Releases[name])
	}
	return strings.Join(list, ", ")
}

// workerVersion is the version of the worker API, which changes once in years.
const workerVersion = "2.5"

func workerName(u director.Update) string { return fmt.Sprintf("worker-%d", u.Index) }

// WaitLanding waits until a worker is landing.
func (w *World) WaitLanding(ctx context.Context, name string) error {
	return wait(ctx, func() bool {
		for _, e := range w.Concourse.Events() {
			if e.Kind == concourse.KindLanding && e.Worker == name {
				return true
			}
		}
		return false
	})
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
