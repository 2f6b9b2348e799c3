package concourse

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
	running  = "running"
	stalled  = "stalled"
	landing  = "landing"
	landed   = "landed"
	retiring = "retiring"
)

// worker is a registered worker.
type worker struct {
	name    string
	version string
	state   string
	left    bool // it went away without a word
	started time.Time
}

// RegisterWorker makes a worker running: a new one, or one that comes back under
// its name. An empty version is the one that the web node has now.
func (s *engine) RegisterWorker(name, version string) {
	s.Lock()
	defer s.Unlock()
	if version == "" {
		version = s.web.release.Worker
	}
	w := s.worker(name)
	if w == nil {
		w = &worker{name: name}
		s.workers = append(s.workers, w)
	}
	w.version, w.started, w.left = version, s.options.Now(), false
	s.enter(w, running, KindRegister)
}

// LandWorker is what BOSH's drain asks for (SIGUSR1): the worker takes no new
// containers, waits for its builds, and stays in the list as landed. Builds of
// interruptible jobs are not waited for and error. While no web answers there is
// no gateway: the worker leaves at once, and its builds error ("all SSH gateways
// disappeared while draining"). It fails when there is no such worker.
func (s *engine) LandWorker(name string) error { return s.move(name, throughGateway((*engine).land)) }

// RetireWorker is SIGUSR2: like LandWorker, but the worker leaves the list.
func (s *engine) RetireWorker(name string) error {
	return s.move(name, throughGateway((*engine).retire))
}

// StallWorker loses a worker with its containers, as replacing a VM without a
// drain does: its builds error. It fails when there is no such worker.
func (s *engine) StallWorker(name string) error { return s.move(name, (*engine).stall) }

// WaitDrained waits until a worker has landed or is gone. It fails with the
// context's error.
func (s *engine) WaitDrained(ctx context.Context, name string) error {
	for {
		s.Lock()
		w, changed := s.worker(name), s.changed
		drained := w == nil || w.state == landed || w.left
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

func (s *engine) move(name string, do func(*engine, *worker)) error {
	s.Lock()
	defer s.Unlock()
	w := s.worker(name)
	if w == nil {
		return fmt.Errorf("find worker %s: no such worker", name)
	}
	do(s, w)
	return nil
}

// throughGateway does something that the worker asks the web for.
func throughGateway(do func(*engine, *worker)) func(*engine, *worker) {
	return func(s *engine, w *worker) {
		if s.web.state != answering {
			s.leave(w)
			return
		}
		do(s, w)
	}
}

func (s *engine) land(w *worker) {
	if w.state != landed {
		s.enter(w, landing, KindLanding)
		s.settle(w)
	}
}

func (s *engine) retire(w *worker) {
	s.enter(w, retiring, KindRetiring)
	s.settle(w)
}

func (s *engine) stall(w *worker) { s.lose(w, KindStalled) }

// leave is what a worker does that finds no gateway while it drains.
func (s *engine) leave(w *worker) {
	w.left = true
	s.lose(w, KindLeft)
}

// lose takes a worker away with its containers.
func (s *engine) lose(w *worker, kind string) {
	s.enter(w, stalled, kind)
	for _, b := range s.on(w) {
		b.end(atc.StatusErrored, "wait for process completion: dial tcp: connect: connection refused")
	}
}

// settle has the collector end the drain of a worker on which only interruptible
// builds run.
func (s *engine) settle(w *worker) {
	if s.options.Collect == 0 || !s.drained(w) {
		s.collect(w)
		return
	}
	s.options.AfterFunc(s.options.Collect, func() {
		s.Lock()
		defer s.Unlock()
		s.collect(w)
	})
}

// drained says whether a worker that drains waits for no build any more.
func (s *engine) drained(w *worker) bool {
	return (w.state == landing || w.state == retiring) &&
		!slices.ContainsFunc(s.on(w), func(b *Build) bool { return !b.interruptible })
}

// collect ends the drain of a worker, if it is time.
func (s *engine) collect(w *worker) {
	if !s.drained(w) {
		return
	}
	left := s.on(w)
	if w.state == landing {
		s.enter(w, landed, KindLanded)
	} else {
		s.remove(w, KindRetired)
	}
	for _, b := range left {
		b.end(atc.StatusErrored, "proc not running: status = stopped")
	}
}

// enter changes a worker's state and wakes who waits for that.
func (s *engine) enter(w *worker, state, kind string) {
	w.state = state
	s.record(Event{Kind: kind, Worker: w.name})
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *engine) remove(w *worker, kind string) {
	s.workers = slices.DeleteFunc(s.workers, func(other *worker) bool { return other == w })
	s.enter(w, "", kind)
}

func (s *engine) worker(name string) *worker {
	for _, w := range s.workers {
		if w.name == name {
			return w
		}
	}
	return nil
}

// on lists the builds that have a container on a worker and are not finished.
func (s *engine) on(w *worker) []*Build {
	var list []*Build
	for _, b := range s.builds {
		if b.status == atc.StatusStarted && slices.Contains(b.workers, w.name) {
			list = append(list, b)
		}
	}
	return list
}

// place finds a worker for a new container: a running one whose protocol is not
// older than the web node's and of the same major version. The error's text is
// atc/worker.NoCompatibleWorkersError's.
func (s *engine) place(wanted, attribute string) (*worker, error) {
	for _, w := range s.workers {
		if (wanted == "" || wanted == w.name) && w.state == running && compatible(w.version, s.web.release.Worker) {
			return w, nil
		}
	}
	return nil, s.noWorker(attribute)
}

// platform is what a step needs that has no image of its own.
const platform = "platform 'linux'"

func (s *engine) noWorker(attribute string) error {
	return fmt.Errorf("no workers satisfying: %s, version: '%s'", attribute, s.web.release.Worker)
}

func compatible(have, want string) bool {
	h, errH := semver.NewVersion(have)
	w, errW := semver.NewVersion(want)
	return errH == nil && errW == nil && h.Major() == w.Major() && !h.LessThan(w)
}
