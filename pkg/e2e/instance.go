package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

// watchTime is the least time for which BOSH looks at a new instance before it
// goes on to the next: the first number of canary_watch_time and
// update_watch_time in the bundled manifest.
const watchTime = 10 * time.Second

// drain is what BOSH does before it stops an instance. A worker whose VM stays
// lands (USR1), one whose VM is replaced retires (USR2).
func (s *site) drain(ctx context.Context, u director.Update) error {
	name := fmt.Sprintf("%s/%d", u.Group, u.Index)
	switch u.Group {
	case "web":
		s.line.add("BOSH", "task %d stops %s", u.Task, name)
		s.web.stop(ctx)
	case "worker":
		w, signal, means := s.workers[u.Index], syscall.SIGUSR1, "USR1: land"
		if u.Recreate {
			signal, means = syscall.SIGUSR2, "USR2: retire"
		}
		s.line.add("BOSH", "task %d drains %s (%s)", u.Task, name, means)
		if w.drain(ctx, signal, s.options.drainTimeout) {
			s.line.add("BOSH", "%s has drained by itself", name)
		} else {
			s.line.add("BOSH", "%s has not drained within %s and is stopped", name, s.options.drainTimeout)
			s.record.note(drainTimedOut, w.name)
		}
		s.record.note(workerStopped, w.name)
	}
	return nil
}

// update is the start of an instance's new jobs.
func (s *site) update(ctx context.Context, u director.Update) error {
	s.line.add("BOSH", "task %d starts %s/%d with %s on stemcell %s", u.Task, u.Group, u.Index, releases(u), u.Stemcell)
	var started *process
	switch u.Group {
	case "web":
		if err := s.web.start(ctx, u.Releases["concourse"]); err != nil {
			return err
		}
		started = s.web.process
		s.record.note(webStarted, "web")
	case "worker":
		w := s.workers[u.Index]
		if u.Recreate {
			if err := w.replace(); err != nil {
				return err
			}
		}
		if err := w.start(ctx, u.Releases["concourse"]); err != nil {
			return err
		}
		started = w.process
		s.record.note(workerStarted, w.name)
	}
	if started == nil || len(s.world.deploys()) == 1 {
		return nil // at the first deploy there is nothing to be careful about
	}
	if started.wait(ctx, watchTime) {
		return fmt.Errorf("%s ended by itself: %v; see %s", started.name, started.err, started.log)
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
