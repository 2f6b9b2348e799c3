package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

// drain is what BOSH does before it stops an instance. A worker whose VM stays
// lands (USR1), one whose VM is replaced retires (USR2).
func (s *site) drain(ctx context.Context, u director.Update) error {
	name := fmt.Sprintf("%s/%d", u.Group, u.Index)
	switch u.Group {
	case "web":
		s.line.add("BOSH", "task %d stops %s", u.Task, name)
		s.web.stop(ctx)
		s.record.note(webStopped, "web")
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

// update is the stop of an instance's jobs where they still run, since a drain
// can be skipped, and the start of its new ones. Like BOSH it takes them for
// running when their processes run.
func (s *site) update(ctx context.Context, u director.Update) error {
	s.line.add("BOSH", "task %d starts %s/%d with %s on stemcell %s", u.Task, u.Group, u.Index, releases(u), u.Stemcell)
	var started *process
	switch u.Group {
	case "web":
		s.web.stop(ctx)
		if err := s.web.start(ctx, u.Releases["concourse"]); err != nil {
			return err
		}
		started = s.web.process
		s.record.note(webStarted, "web")
	case "worker":
		w := s.workers[u.Index]
		if err := s.updateWorker(ctx, w, u); err != nil {
			return err
		}
		started = w.process
	}
	if started == nil || len(s.world.deploys()) == 1 {
		return nil // at the first deploy there is nothing to be careful about
	}
	least, err := watchTime(u)
	if err != nil {
		return err
	}
	if started.wait(ctx, least) {
		return fmt.Errorf("%s ended by itself: %v; see %s", started.name, started.err, started.log)
	}
	return nil
}

// updateWorker starts a worker, on a new VM where BOSH has made one.
func (s *site) updateWorker(ctx context.Context, w *worker, u director.Update) error {
	if w.process != nil && !w.process.ended() {
		w.process.stop(ctx, signalGrace, syscall.SIGTERM, syscall.SIGQUIT)
		s.record.note(workerStopped, w.name)
	}
	if u.Recreate {
		if err := w.replace(); err != nil {
			return err
		}
	}
	if err := w.start(ctx, workerName(u.ID, u.AgentID), u.Releases["concourse"]); err != nil {
		return err
	}
	s.record.note(workerStarted, w.name)
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
