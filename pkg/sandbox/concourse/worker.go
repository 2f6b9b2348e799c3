package concourse

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
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
func (s *Server) RegisterWorker(name, version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
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
func (s *Server) LandWorker(name string) error { return s.move(name, throughGateway((*Server).land)) }

// RetireWorker is SIGUSR2: like LandWorker, but the worker leaves the list.
func (s *Server) RetireWorker(name string) error {
	return s.move(name, throughGateway((*Server).retire))
}

// StallWorker loses a worker with its containers, as replacing a VM without a
// drain does: its builds error. It fails when there is no such worker.
func (s *Server) StallWorker(name string) error { return s.move(name, (*Server).stall) }

// WaitDrained waits until a worker has landed or is gone. It fails with the
// context's error.
func (s *Server) WaitDrained(ctx context.Context, name string) error {
	for {
		s.mu.Lock()
		w, changed := s.worker(name), s.changed
		drained := w == nil || w.state == landed || w.left
		s.mu.Unlock()
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

func (s *Server) move(name string, do func(*Server, *worker)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.worker(name)
	if w == nil {
		return fmt.Errorf("find worker %s: no such worker", name)
	}
	do(s, w)
	return nil
}

// throughGateway does something that the worker asks the web for.
func throughGateway(do func(*Server, *worker)) func(*Server, *worker) {
	return func(s *Server, w *worker) {
		if s.web.state != answering {
			s.leave(w)
			return
		}
		do(s, w)
	}
}

func (s *Server) land(w *worker) {
	if w.state != landed {
		s.enter(w, landing, KindLanding)
		s.settle(w)
	}
}

func (s *Server) retire(w *worker) {
	s.enter(w, retiring, KindRetiring)
	s.settle(w)
}

func (s *Server) stall(w *worker) { s.lose(w, KindStalled) }

// leave is what a worker does that finds no gateway while it drains.
func (s *Server) leave(w *worker) {
	w.left = true
	s.lose(w, KindLeft)
}

// lose takes a worker away with its containers.
func (s *Server) lose(w *worker, kind string) {
	s.enter(w, stalled, kind)
	for _, b := range s.on(w) {
		b.end(atc.StatusErrored, "wait for process completion: dial tcp: connect: connection refused")
	}
}

// settle has the collector end the drain of a worker on which only interruptible
// builds run.
func (s *Server) settle(w *worker) {
	if s.options.Collect == 0 || !s.drained(w) {
		s.collect(w)
		return
	}
	s.options.AfterFunc(s.options.Collect, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.collect(w)
	})
}

// drained says whether a worker that drains waits for no build any more.
func (s *Server) drained(w *worker) bool {
	return (w.state == landing || w.state == retiring) &&
		!slices.ContainsFunc(s.on(w), func(b *Build) bool { return !b.interruptible })
}

// collect ends the drain of a worker, if it is time.
func (s *Server) collect(w *worker) {
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
func (s *Server) enter(w *worker, state, kind string) {
	w.state = state
	s.record(Event{Kind: kind, Worker: w.name})
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Server) remove(w *worker, kind string) {
	s.workers = slices.DeleteFunc(s.workers, func(other *worker) bool { return other == w })
	s.enter(w, "", kind)
}

func (s *Server) worker(name string) *worker {
	for _, w := range s.workers {
		if w.name == name {
			return w
		}
	}
	return nil
}

// on lists the builds that have a container on a worker and are not finished.
func (s *Server) on(w *worker) []*Build {
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
func (s *Server) place(wanted, attribute string) (*worker, error) {
	for _, w := range s.workers {
		if (wanted == "" || wanted == w.name) && w.state == running && compatible(w.version, s.web.release.Worker) {
			return w, nil
		}
	}
	return nil, s.noWorker(attribute)
}

// platform is what a step needs that has no image of its own.
const platform = "platform 'linux'"

func (s *Server) noWorker(attribute string) error {
	return fmt.Errorf("no workers satisfying: %s, version: '%s'", attribute, s.web.release.Worker)
}

func compatible(have, want string) bool {
	h, errH := semver.NewVersion(have)
	w, errW := semver.NewVersion(want)
	return errH == nil && errW == nil && h.Major() == w.Major() && !h.LessThan(w)
}

func (s *Server) listWorkers(*asked) reply {
	list := make([]atc.Worker, 0, len(s.workers))
	for _, w := range s.workers {
		list = append(list, atc.Worker{
			GardenAddr: "127.0.0.1:7777", BaggageclaimURL: "http://127.0.0.1:7788", ActiveContainers: len(s.on(w)),
			ResourceTypes: []atc.WorkerResourceType{}, Platform: "linux", Tags: atc.Tags{}, Name: w.name,
			Version: w.version, StartTime: w.started.Unix(), State: w.state,
		})
	}
	return reply{value: list}
}

// putWorker is for requests that say since 8.3.0 whose worker it is, in a body
// that earlier releases do not look at.
func (s *Server) putWorker(do func(*Server, *worker)) answer {
	return func(r *asked) reply {
		var body struct {
			Team string `json:"team"`
		}
		if s.atLeast("8.3.0") && json.NewDecoder(r.Body).Decode(&body) != nil {
			return reply{status: http.StatusBadRequest}
		}
		w := s.worker(r.PathValue("worker"))
		if w == nil {
			return notFound
		}
		do(s, w)
		return reply{}
	}
}

func (s *Server) pruneWorker(r *asked) reply {
	w := s.worker(r.PathValue("worker"))
	switch {
	case w == nil:
		return notFound
	case w.state == running:
		return reply{status: http.StatusBadRequest, value: atc.PruneWorkerResponseBody{Stderr: "cannot prune running worker"}}
	}
	s.remove(w, KindPruned)
	return reply{}
}
