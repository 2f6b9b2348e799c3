package state_test

import (
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/state"
)

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
