package state_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/state"
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
		lease, err := state.Acquire(ctx, store, "lease", state.Holder{ID: "mine"}, state.LeaseOptions{})
		var held *state.HeldError
		switch {
		case err == nil:
			if err := lease.Release(t.Context()); err != nil {
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
		if err := state.Unlock(t.Context(), store, "lease", "mine"); err == nil {
			t.Error("the lease of another id was unlocked")
		}
	})
}

// FuzzJournal feeds foreign bytes as an operation's record: it is gone on with, or
// refused and left as it is.
func FuzzJournal(f *testing.F) {
	for _, seed := range []string{
		`{"schema":1,"operation":{"id":"op","deployment":"c","digest":"d","components":{},"attempt":1,"started":"2026-08-01T12:00:00Z"},"entries":[]}`,
		`{"schema":1,"operation":{"id":"op"},"entries":null}`, `{"schema":1,"entries":[{"at":"x"}]}`, `{"schema":9}`, `{}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		store, err := state.NewDir(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		revision, err := store.Put(t.Context(), "journal/op.json", body, "")
		if err != nil {
			t.Skip("no store would take it")
		}
		journal := state.NewJournal(store)
		before, readErr := journal.Read(t.Context(), "op")
		recordErr := journal.Record(t.Context(), "op", state.Entry{Step: "deploy", Status: state.Begun})
		after, err := store.Get(t.Context(), "journal/op.json")
		if err != nil {
			t.Fatal(err)
		}
		if readErr != nil && (recordErr == nil || after.Revision != revision) {
			t.Errorf("a record that cannot be read (%v) was written over", readErr)
		}
		if recordErr == nil {
			again, err := journal.Read(t.Context(), "op")
			if err != nil || len(again.Entries) != len(before.Entries)+1 {
				t.Errorf("%d entries after %d, %v", len(again.Entries), len(before.Entries), err)
			}
		}
	})
}
