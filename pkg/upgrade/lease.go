package upgrade

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/state"
	"github.com/perpetual-ci/perpetual/pkg/state/lease"
)

// keptOperations is how many operations of a deployment the journal keeps.
const keptOperations = 50

// defaultLockTimeout is longer than the 241 s after which the lock of a task
// whose worker has died frees itself.
const defaultLockTimeout = 5 * time.Minute

// lockTimeout is how long to wait for another run or deploy to end.
func (r *run) lockTimeout() time.Duration {
	if r.Request.LockTimeout == 0 {
		return defaultLockTimeout
	}
	return r.Request.LockTimeout
}

// LeaseName is the document of a deployment's lease in the state store.
func LeaseName(deployment string) string { return "leases/deployment-" + deployment }

// hold takes the deployment's lease in the state store, waiting up to
// lock_timeout for another holder. Without a store, the director's tasks and
// its lock alone keep two runs apart, as far as they can.
//
// The context that it gives ends when the lease is lost. release gives it back.
func (o Out) hold(ctx context.Context, r *run) (held context.Context, release func(), err error) {
	if o.State == nil || r.Request.DryRun {
		return ctx, func() {}, nil
	}
	host, _ := os.Hostname()
	holder := lease.Holder{Purpose: "out " + r.Request.Deployment, Host: host, PID: os.Getpid()}
	if o.Build.ID != "" {
		holder.Purpose += ", build " + o.Build.ID
	}
	limit := r.lockTimeout()
	deadline := time.Now().Add(limit)
	var other *lease.HeldError
	for said := false; ; said = true {
		r.lease, err = lease.Acquire(ctx, o.State, LeaseName(r.Request.Deployment), holder, lease.Options{TTL: o.LeaseTTL, Debug: o.Debug})
		switch {
		case err == nil:
			held, cancel := r.lease.Context(ctx)
			return held, func() { cancel(); o.release(ctx, r) }, nil
		case said && ctx.Err() != nil:
			return nil, nil, fmt.Errorf("wait for the lease of deployment %s (%w): %w", r.Request.Deployment, other, context.Cause(ctx))
		case !errors.As(err, &other):
			return nil, nil, fmt.Errorf("take the lease of deployment %s: %w", r.Request.Deployment, err)
		case time.Now().After(deadline):
			return nil, nil, fmt.Errorf("wait %s for the lease of deployment %s: %w", limit, r.Request.Deployment, err)
		}
		if !said {
			o.say("waiting up to %s: %v", limit, other)
		}
		o.Debug.DebugContext(ctx, "looking again", "in", o.poll(), "for", "the lease of "+other.Holder.Purpose)
		if paused := retry.Sleep(ctx, o.poll()); paused != nil {
			return nil, nil, fmt.Errorf("wait for the lease of deployment %s (%w): %w", r.Request.Deployment, other, paused)
		}
	}
}

// release gives the lease back, also when the run was ended by a signal, so
// that the next one need not wait for it to become stale.
func (o Out) release(ctx context.Context, r *run) {
	ctx, cancel := retry.Grace(ctx, 3*time.Second)
	defer cancel()
	if err := r.lease.Release(ctx); err != nil {
		o.say("the lease of deployment %s was not given back: %v", r.Request.Deployment, err)
	}
}

// begin writes an attempt down before it is submitted.
func (o Out) begin(ctx context.Context, r *run, attempt int) error {
	if o.State == nil {
		return nil
	}
	components := map[string]string{}
	for _, t := range r.Taken() {
		components[t.Name] = t.Now
	}
	journal := state.NewJournal(o.State)
	_, err := journal.Begin(ctx, state.Operation{
		ID: r.compared.Operation().ContextID(attempt), Deployment: r.Request.Deployment,
		Digest: r.Digest, Components: components, Attempt: attempt,
	})
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return o.record(ctx, r, attempt, state.Entry{Step: "deploy", Status: state.Begun})
}

// record adds to the journal what became of an attempt.
func (o Out) record(ctx context.Context, r *run, attempt int, entry state.Entry) error {
	if o.State == nil {
		return nil
	}
	id := r.compared.Operation().ContextID(attempt)
	if err := state.NewJournal(o.State).Record(ctx, id, entry); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	o.Debug.DebugContext(ctx, "journal entry", "operation", id, "step", entry.Step, "status", string(entry.Status), "task", entry.Task)
	return nil
}

// accepted writes down what the director has accepted. The deploy runs, so that
// a journal that cannot be written is no reason to fail.
func (o Out) accepted(ctx context.Context, r *run, attempt, task int) {
	if r.quiet.Paused() {
		if err := r.quiet.Accepted(ctx, task); err != nil {
			o.say("director task %d was accepted, but the list of paused pipelines does not say so: %v", task, err)
		}
	}
	if o.State == nil {
		return
	}
	err := o.record(ctx, r, attempt, state.Entry{Step: "deploy", Status: state.Done, Task: task, Note: "accepted by the director"})
	if err == nil {
		_, err = state.NewJournal(o.State).Prune(ctx, r.Request.Deployment, keptOperations)
	}
	if err != nil {
		o.say("director task %d was accepted, but: %v", task, err)
	}
}

// fenced fails when the lease may have gone to somebody else: a process that was
// frozen finds that out here before it submits anything.
func (r *run) fenced() error {
	if r.lease == nil {
		return nil
	}
	return r.lease.Err()
}
