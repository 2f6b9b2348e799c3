// Package lease lets one run at a time write to a store: whoever holds a lease renews
// it, and knows when it may no longer be the only one.
package lease

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/state"
)

// DefaultTTL is how long a lease outlives the last renewal of its holder.
const DefaultTTL = time.Minute

const (
	// resolution is how coarse a store's times may be: S3 gives whole seconds,
	// and the age of a lease is the difference of two of them.
	resolution = 2 * time.Second
	// callLimit bounds one round of a contended acquisition.
	callLimit = 5
)

var (
	// ErrLost is the cause of a context whose lease was lost: somebody else
	// has it, or may have it soon because it could not be renewed.
	ErrLost = errors.New("the lease was lost")
	// ErrReleased is the cause of a context whose lease was given back.
	ErrReleased = errors.New("the lease was released")
)

// Holder says who holds a lease, for the one who finds it held.
type Holder struct {
	ID      string // of this one acquisition; empty: a random one is made
	Purpose string // as in "out concourse"
	Host    string // as in "4f1c2a9e7b03"
	PID     int    // on that host
}

// Options tune a lease. The zero value is what production uses.
type Options struct {
	TTL time.Duration // default DefaultTTL
	// Clock measures how long ago the last renewal was; default time.Now. Only
	// differences count: what time it thinks it is plays no part.
	Clock func() time.Time
	// Debug gets renewals and whatever else happens to the lease; nil: nothing is logged.
	Debug *slog.Logger
}

// Lease is the right to be the only one that writes. It is renewed in the
// background every third of its TTL until Release.
//
// The holder gives it up after nine tenths of the TTL without a renewal, by its
// own monotonic clock. Others take it over no sooner than eleven tenths of the
// TTL and 2 s after the last renewal, both by the store's clock, and only after
// they have watched it for half a TTL themselves: a store whose clock jumps
// does not make a live lease stale.
type Lease struct {
	store  state.Store
	name   string
	id     string
	ttl    time.Duration
	clock  func() time.Time
	debug  *slog.Logger
	ctx    context.Context // ends with the lease
	end    context.CancelCauseFunc
	kept   chan struct{} // closed when the background renewal has ended
	expiry *time.Timer

	mu       sync.Mutex
	document record
	revision string
	deadline time.Time // by clock
	failure  error     // of the last renewal
	released bool
}

// Acquire takes the lease called name, or fails with a *HeldError if another
// holder has it. Taking over a stale one takes half its TTL. The lease outlives
// ctx: call Release in any case.
func Acquire(ctx context.Context, store state.Store, name string, holder Holder, o Options) (*Lease, error) {
	l := newLease(ctx, store, name, holder, o)
	var err error
	for range callLimit {
		var seen sighting
		if seen, err = look(ctx, store, name); err != nil {
			break
		}
		if seen.heldByOther(l.id) {
			if !seen.stale() {
				err = seen.held()
				break
			}
			l.debug.Debug("lease is stale: watching its holder", "holder", seen.document.ID, "renewed", seen.age(), "for", seen.document.ttl()/2)
			if err = seen.watch(ctx); err != nil {
				break
			}
		}
		l.document.Since = seen.now.UTC()
		if err = l.write(ctx, l.document, seen.revision); !errors.Is(err, state.ErrConflict) {
			break
		}
	}
	if err != nil {
		l.end(err)
		return nil, fmt.Errorf("acquire lease %s: %w", name, err)
	}
	l.debug.Debug("lease taken", "ttl", l.ttl)
	go l.keep()
	return l, nil
}

// newLease is a lease that is not held yet.
func newLease(ctx context.Context, store state.Store, name string, holder Holder, o Options) *Lease {
	if o.TTL <= 0 {
		o.TTL = DefaultTTL
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Debug == nil {
		o.Debug = slog.New(slog.DiscardHandler)
	}
	if holder.ID == "" {
		holder.ID = strings.ToLower(rand.Text()[:16])
	}
	l := &Lease{store: store, name: name, id: holder.ID, ttl: o.TTL, clock: o.Clock, kept: make(chan struct{})}
	l.debug = o.Debug.With("lease", name, "id", holder.ID)
	l.ctx, l.end = context.WithCancelCause(context.WithoutCancel(ctx))
	l.expiry = time.AfterFunc(o.TTL, l.expire)
	l.expiry.Stop() // until it is held
	l.document = record{
		ID: holder.ID, Purpose: holder.Purpose, Host: holder.Host, PID: holder.PID,
		TTLMillis: o.TTL.Milliseconds(),
	}
	return l
}

// ID names this holding of the lease: what Unlock takes.
func (l *Lease) ID() string { return l.id }

// Context derives a context that also ends when the lease does, with a cause
// that is ErrLost or ErrReleased.
func (l *Lease) Context(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	stop := context.AfterFunc(l.ctx, func() { cancel(context.Cause(l.ctx)) })
	return ctx, func() {
		stop()
		cancel(context.Canceled)
	}
}

// Err says at this moment whether the lease is still held: nil, or an error
// that is ErrLost or ErrReleased. A process that was frozen finds out here
// before its timers have run: ask before what must not be done twice.
func (l *Lease) Err() error {
	if l.ctx.Err() != nil {
		return context.Cause(l.ctx)
	}
	if l.remaining() <= 0 {
		l.expire()
		return context.Cause(l.ctx)
	}
	return nil
}

// Release gives the lease back, so that others need not wait for it to become
// stale. It is conditional: a lease that somebody else has is left alone, and
// the error is ErrLost. Once it has succeeded, calling it again does nothing.
// It takes no longer than the TTL, after which it would be of no use.
func (l *Lease) Release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.ttl)
	defer cancel()
	l.end(fmt.Errorf("lease %s: %w", l.name, ErrReleased))
	l.expiry.Stop()
	select {
	case <-l.kept:
	case <-ctx.Done():
		return fmt.Errorf("release lease %s: %w", l.name, context.Cause(ctx))
	}
	l.mu.Lock()
	done, document, revision := l.released, l.document, l.revision
	l.mu.Unlock()
	if done {
		return nil
	}
	document.Released = true
	document.Renewal++
	if err := l.write(ctx, document, revision); err != nil {
		if errors.Is(err, state.ErrConflict) {
			err = ErrLost
		}
		return fmt.Errorf("release lease %s: %w", l.name, err)
	}
	l.mu.Lock()
	l.released = true
	l.mu.Unlock()
	l.debug.Debug("lease given back")
	return nil
}

// Unlock breaks the lease called name if its holder has the given id. It fails
// with state.ErrNotFound if nobody holds it, with a *HeldError if another holder does.
// Only a person who knows that the holder is dead may ask for it; a holder that
// is alive loses the lease at its next renewal.
func Unlock(ctx context.Context, store state.Store, name, id string) error {
	err := state.ErrConflict
	for range callLimit {
		var seen sighting
		if seen, err = look(ctx, store, name); err != nil {
			break
		}
		if !seen.heldByOther("") {
			err = fmt.Errorf("nobody holds it: %w", state.ErrNotFound)
			break
		}
		if seen.document.ID != id {
			err = seen.held()
			break
		}
		document := seen.document
		document.Released = true
		var body []byte
		if body, err = format.Encode(document); err != nil {
			break
		}
		// Renewed in between: the same holder again, so look once more.
		if _, err = store.Put(ctx, name, body, seen.revision); !errors.Is(err, state.ErrConflict) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("unlock %s: %w", name, err)
	}
	return nil
}
