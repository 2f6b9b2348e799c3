package world

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

// collectWait is in the middle of what the web's collector takes to see that a
// worker has drained.
const collectWait = 15 * time.Second

// reconnectWait is how long a worker that drains looks for a gateway.
const reconnectWait = 5 * time.Second

// nodes are the processes of Concourse that BOSH runs.
type nodes struct {
	sync.Mutex
	installed bool              // a web has run once
	web       bool              // its process runs
	told      chan struct{}     // closed once a web is told to stop; nil: nobody waits for that
	answers   <-chan struct{}   // closed once the web that was started last answers
	held      <-chan struct{}   // until when migrations last; nil: as the options say
	logs      map[string]string // of the gate, by instance id
	workers   map[string]node   // by instance id: those that were started and not drained
}

// node is a worker's process.
type node struct {
	name, version string
	waits         bool // for a gateway to register with
}

// workerName is what the worker of an instance is called: the first block of the
// instance's id, and that of the VM's agent from the second block on
// (jobs/worker/templates/env.sh.erb). A new VM makes a new worker.
func workerName(u director.Update) string {
	first, _, _ := strings.Cut(u.ID, "-")
	_, rest, _ := strings.Cut(u.AgentID, "-")
	return first + "-" + rest
}

// drainWorker is what the drain script of a worker does: it lands, or retires
// where its VM goes away, and has the time that drain_timeout gives it to end its
// builds.
func (w *World) drainWorker(ctx context.Context, u director.Update) error {
	name, drain := workerName(u), w.Concourse.LandWorker
	if u.Recreate {
		drain = w.Concourse.RetireWorker
	}
	w.nodes.Lock()
	delete(w.nodes.workers, u.ID)
	w.nodes.Unlock()
	if err := drain(name); err != nil {
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

// startWorker starts a worker, which registers as soon as a web answers. One that
// was stopped without a drain has lost its containers.
func (w *World) startWorker(u director.Update) {
	w.nodes.Lock()
	defer w.nodes.Unlock()
	if old, undrained := w.nodes.workers[u.ID]; undrained && !old.waits {
		_ = w.Concourse.StallWorker(old.name) // fails where it was pruned meanwhile
	}
	if w.nodes.workers == nil {
		w.nodes.workers = map[string]node{}
	}
	w.nodes.workers[u.ID] = node{name: workerName(u), version: concourse.ReleaseOf(u.Releases["concourse"]).Worker, waits: true}
	select {
	case <-w.nodes.answers: // nil, and so never ready, before the first web
		if w.nodes.web {
			w.registerWaiting()
		}
	default:
	}
}

// registerWaiting registers the workers that wait for a web. The caller holds the
// lock.
func (w *World) registerWaiting() {
	for id, n := range w.nodes.workers {
		if n.waits {
			n.waits = false
			w.nodes.workers[id] = n
			w.Concourse.RegisterWorker(n.name, n.version)
		}
	}
}

// WorkerName is the name of the worker that an instance runs; "" when it runs none.
func (w *World) WorkerName(group string, index int) string {
	for _, i := range w.Director.Instances("concourse") {
		if i.Group == group && i.Index == index {
			w.nodes.Lock()
			defer w.nodes.Unlock()
			return w.nodes.workers[i.ID].name
		}
	}
	return ""
}

// WaitDraining waits until a worker drains, or has: the one of that name, or any
// if it is "".
func (w *World) WaitDraining(ctx context.Context, name string) error {
	return wait(ctx, func() bool {
		for _, e := range w.Concourse.Events() {
			if (e.Kind == concourse.KindLanding || e.Kind == concourse.KindRetiring) && (name == "" || e.Worker == name) {
				return true
			}
		}
		return false
	})
}
