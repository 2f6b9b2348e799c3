package lease

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/state"
)

// format is how leases are written.
var format = state.Format{Kind: "lease"}

// record is a lease as it is kept. A lease that was given back stays, so
// that taking it is conditional on a revision like any other write.
type record struct {
	ID        string    `json:"id"`         // "k3v5w2ylq4zt6bpa"
	Purpose   string    `json:"purpose"`    // "out concourse"
	Host      string    `json:"host"`       // "4f1c2a9e7b03"
	PID       int       `json:"pid"`        // 42
	Since     time.Time `json:"since"`      // by the store's clock
	TTLMillis int64     `json:"ttl_millis"` // 60000
	Renewal   int       `json:"renewal"`    // counts writes, so that no two are equal
	Released  bool      `json:"released"`
}

// ttl is how long the lease outlives its last renewal.
func (d record) ttl() time.Duration { return time.Duration(d.TTLMillis) * time.Millisecond }

// holder says who it is.
func (d record) holder() string {
	return fmt.Sprintf("%q (host %s, pid %d)", d.Purpose, d.Host, d.PID)
}

// HeldError says who holds a lease, and what can be done about it.
type HeldError struct {
	Name   string // of the lease's document
	ID     string // what unlock takes
	Holder Holder
	Since  time.Time     // by the store's clock
	Age    time.Duration // since the last renewal, by the store's clock
	TTL    time.Duration // of the holder
}

// Error implements error.
func (e *HeldError) Error() string {
	return fmt.Sprintf("%q (host %s, pid %d) holds it since %s and renewed it %s ago; it becomes free when that run ends, or %s after its last renewal; if that run is certainly dead: perpetual unlock --id %s",
		e.Holder.Purpose, e.Holder.Host, e.Holder.PID, e.Since.UTC().Format(time.RFC3339),
		max(0, e.Age).Round(time.Second), staleAfter(e.TTL).Round(time.Second), e.ID)
}

// staleAfter is the age past which a lease is stale.
func staleAfter(ttl time.Duration) time.Duration { return ttl + ttl/10 + resolution }

// sighting is a lease as somebody found it.
type sighting struct {
	store    state.Store
	name     string
	exists   bool
	document record
	revision string // "": there is none
	modified time.Time
	now      time.Time // by the store's clock, after the lease was read
}

// look reads a lease and the store's clock.
func look(ctx context.Context, store state.Store, name string) (sighting, error) {
	s := sighting{store: store, name: name}
	found, err := store.Get(ctx, name)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return s, err
	}
	if err == nil {
		if err := format.Decode(name, found.Body, &s.document); err != nil {
			return s, err
		}
		if s.document.ID == "" || s.document.TTLMillis <= 0 {
			return s, fmt.Errorf("decode lease %s: it is damaged: no id or no ttl_millis; delete that document when no run is active", name)
		}
		s.exists, s.revision, s.modified = true, found.Revision, found.Modified
	}
	s.now, err = store.Now(ctx)
	return s, err
}

// heldByOther says whether a holder other than id has the lease, stale or not.
func (s sighting) heldByOther(id string) bool {
	return s.exists && !s.document.Released && s.document.ID != id
}

// age is the time since the last renewal.
func (s sighting) age() time.Duration { return s.now.Sub(s.modified) }

// stale says whether the store's clock allows to take the lease over.
func (s sighting) stale() bool { return s.age() > staleAfter(s.document.ttl()) }

// held is the error for it.
func (s sighting) held() *HeldError {
	d := s.document
	return &HeldError{
		Name: s.name, ID: d.ID, Since: d.Since, Age: s.age(), TTL: d.ttl(),
		Holder: Holder{ID: d.ID, Purpose: d.Purpose, Host: d.Host, PID: d.PID},
	}
}

// watch waits for half a TTL for the holder of a stale lease to show that it is
// alive: a live one renews every third. It fails with a *HeldError if it does.
// What it compares is the revision, so no clock but the own one plays a part.
func (s sighting) watch(ctx context.Context) error {
	timer := time.NewTimer(s.document.ttl() / 2)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
	}
	again, err := look(ctx, s.store, s.name)
	if err != nil {
		return err
	}
	if again.revision != s.revision && again.heldByOther("") {
		return again.held()
	}
	return nil // unchanged, or given back: the write is conditional on what was seen first
}

// Stale says that the holder has not renewed it for so long that the next run takes it
// over: it is dead, or cannot reach the store.
func (e *HeldError) Stale() bool { return e.Age > staleAfter(e.TTL) }

// HeldBy says who holds the lease called name, nil for nobody. It takes nothing.
func HeldBy(ctx context.Context, store state.Store, name string) (*HeldError, error) {
	seen, err := look(ctx, store, name)
	if err != nil {
		return nil, fmt.Errorf("look at the lease %s: %w", name, err)
	}
	if !seen.heldByOther("") {
		return nil, nil
	}
	return seen.held(), nil
}
