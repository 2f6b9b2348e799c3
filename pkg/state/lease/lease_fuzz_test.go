package lease_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/state"
	"github.com/perpetual-ci/perpetual/pkg/state/lease"
)

// FuzzLease feeds foreign bytes as a lease document: it is held, free, or
// refused as damaged, and what is damaged is never taken or written over.
func FuzzLease(f *testing.F) {
	for _, seed := range []string{
		`{"schema":1,"id":"k3v5","purpose":"out c","host":"h","pid":7,"since":"2026-08-01T12:00:00Z","ttl_millis":60000,"renewal":3,"released":false}`,
		`{"schema":1,"id":"k3v5","ttl_millis":1,"released":true}`, `{"schema":1,"id":"a","ttl_millis":9223372036854775807}`,
		`{"schema":2}`, `{"schema":1,"id":""}`, `{"schema":1,"id":"a","ttl_millis":-5}`, `[]`, ``, `{"schema":1,"id":"a\nb","ttl_millis":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		store, err := state.NewDir(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		revision, err := store.Put(t.Context(), "lease", body, "")
		if err != nil {
			t.Skip("no store would take it")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond) // for one that is stale, and is watched
		defer cancel()
		taken, err := lease.Acquire(ctx, store, "lease", lease.Holder{ID: "mine"}, lease.Options{})
		var held *lease.HeldError
		switch {
		case err == nil:
			if err := taken.Release(t.Context()); err != nil {
				t.Error(err)
			}
			return
		case errors.As(err, &held):
		case strings.Contains(err.Error(), "\n"):
			t.Errorf("error %q", err)
		}
		if got, err := store.Get(t.Context(), "lease"); err != nil || got.Revision != revision {
			t.Errorf("a lease that was not taken was written over: %v", err)
		}
		if err := lease.Unlock(t.Context(), store, "lease", "mine"); err == nil {
			t.Error("the lease of another id was unlocked")
		}
	})
}
