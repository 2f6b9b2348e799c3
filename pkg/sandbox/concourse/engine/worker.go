package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/Masterminds/semver/v3"
	"github.com/concourse/concourse/atc"
)

// States of a worker (atc/db.WorkerState).
const (
	Running  = "running"
	stalled  = "stalled"
	landing  = "landing"
	landed   = "landed"
	retiring = "retiring"
)

// Worker is a registered worker.
type Worker struct {
	Name    string
	Version string
	State   string
	left    bool // it went away without a word
	Started time.Time
}

// RegisterWorker makes a worker running: a new one, or one that comes back under
// its name. An empty version is the one that the web node has now.
func (s *Engine) RegisterWorker(name, version string) {
	s.Lock()
	defer s.Unlock()
	if version == "" {
		version = s.Web.Release.Worker
	}
	w := s.Worker(name)
	if w == nil {
		w = &Worker{Name: name}
		s.Workers = append(s.Workers, w)
	}
	w.Version, w.Started, w.left = version, s.Options.Now(), false
	s.enter(w, Running, KindRegister)
}

// LandWorker is what BOSH's drain asks for (SIGUSR1): the worker takes no new
// containers, waits for its builds, and stays in the list as landed. Builds of
// interruptible jobs are not waited for and error. While no web answers there is
// no gateway: the worker leaves at once, and its builds error ("all SSH gateways
// disappeared while draining"). It fails when there is no such worker.
func (s *Engine) LandWorker(name string) error { return s.move(name, throughGateway((*Engine).Land)) }

// RetireWorker is SIGUSR2: like LandWorker, but the worker leaves the list.
func (s *Engine) RetireWorker(name string) error {
	return s.move(name, throughGateway((*Engine).Retire))
}

// StallWorker loses a worker with its containers, as replacing a VM without a
// drain does: its builds error. It fails when there is no such worker.
func (s *Engine) StallWorker(name string) error { return s.move(name, (*Engine).stall) }

// WaitDrained waits until a worker has landed or is gone. It fails with the
// context's error.
func (s *Engine) WaitDrained(ctx context.Context, name string) error {
	for {
		s.Lock()
		w, changed := s.Worker(name), s.changed
		drained := w == nil || w.State == landed || w.left
		s.Unlock()
		if drained {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for worker %s to drain: %w", name, ctx.Err())
		}
	}
}

func (s *Engine) move(name string, do func(*Engine, *Worker)) error {
	s.Lock()
	defer s.Unlock()
	w := s.Worker(name)
	if w == nil {
		return fmt.Errorf("find worker %s: no such worker", name)
	}
	do(s, w)
	return nil
}

// throughGateway does something that the worker asks the web for.
func throughGateway(do func(*Engine, *Worker)) func(*Engine, *Worker) {
	return func(s *Engine, w *Worker) {
		if s.Web.state != answering {
			s.leave(w)
			return
		}
		do(s, w)
	}
}

// Land makes a worker take no new containers and stay in the list when it has drained.
func (s *Engine) Land(w *Worker) {
	if w.State != landed {
		s.enter(w, landing, KindLanding)
		s.settle(w)
	}
}

// Retire is Land for a worker that then leaves the list.
func (s *Engine) Retire(w *Worker) {
	s.enter(w, retiring, KindRetiring)
	s.settle(w)
}

func (s *Engine) stall(w *Worker) { s.lose(w, KindStalled) }

// leave is what a worker does that finds no gateway while it drains.
func (s *Engine) leave(w *Worker) {
	w.left = true
	s.lose(w, KindLeft)
}

// lose takes a worker away with its containers.
func (s *Engine) lose(w *Worker, kind string) {
	s.enter(w, stalled, kind)
	for _, b := range s.On(w) {
		b.end(atc.StatusErrored, "wait for process completion: dial tcp: connect: connection refused")
	}
}

// settle has the collector end the drain of a worker on which only interruptible
// builds run.
func (s *Engine) settle(w *Worker) {
	if s.Options.Collect == 0 || !s.drained(w) {
		s.collect(w)
		return
	}
	s.Options.AfterFunc(s.Options.Collect, func() {
		s.Lock()
		defer s.Unlock()
		s.collect(w)
	})
}

// drained says whether a worker that drains waits for no build any more.
func (s *Engine) drained(w *Worker) bool {
	return (w.State == landing || w.State == retiring) &&
		!slices.ContainsFunc(s.On(w), func(b *Build) bool { return !b.interruptible })
}

// collect ends the drain of a worker, if it is time.
func (s *Engine) collect(w *Worker) {
	if !s.drained(w) {
		return
	}
	left := s.On(w)
	if w.State == landing {
		s.enter(w, landed, KindLanded)
	} else {
		s.Remove(w, KindRetired)
	}
	for _, b := range left {
		b.end(atc.StatusErrored, "proc not running: status = stopped")
	}
}

// enter changes a worker's state and wakes who waits for that.
func (s *Engine) enter(w *Worker, state, kind string) {
	w.State = state
	s.Record(Event{Kind: kind, Worker: w.Name})
	close(s.changed)
	s.changed = make(chan struct{})
}

// Remove takes a worker off the list.
func (s *Engine) Remove(w *Worker, kind string) {
	s.Workers = slices.DeleteFunc(s.Workers, func(other *Worker) bool { return other == w })
	s.enter(w, "", kind)
}

// Worker is the worker of a name, nil if there is none.
func (s *Engine) Worker(name string) *Worker {
	for _, w := range s.Workers {
		if w.Name == name {
			return w
		}
	}
	return nil
}

// On lists the builds that have a container on a worker and are not finished.
func (s *Engine) On(w *Worker) []*Build {
	var list []*Build
	for _, b := range s.Builds {
		if b.status == atc.StatusStarted && slices.Contains(b.workers, w.Name) {
			list = append(list, b)
		}
	}
	return list
}

// place finds a worker for a new container: a running one whose protocol is not
// older than the web node's and of the same major version. The error's text is
// atc/worker.NoCompatibleWorkersError's.
func (s *Engine) place(wanted, attribute string) (*Worker, error) {
	for _, w := range s.Workers {
		if (wanted == "" || wanted == w.Name) && w.State == Running && compatible(w.Version, s.Web.Release.Worker) {
			return w, nil
		}
	}
	return nil, s.noWorker(attribute)
}

// platform is what a step needs that has no image of its own.
const platform = "platform 'linux'"

func (s *Engine) noWorker(attribute string) error {
	return fmt.Errorf("no workers satisfying: %s, version: '%s'", attribute, s.Web.Release.Worker)
}

func compatible(have, want string) bool {
	h, errH := semver.NewVersion(have)
	w, errW := semver.NewVersion(want)
	return errH == nil && errW == nil && h.Major() == w.Major() && !h.LessThan(w)
}
