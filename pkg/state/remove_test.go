package state_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/state"
)

func TestDirRemove_leavesNothingOfItsOwn(t *testing.T) {
	for name, foreign := range map[string]string{"alone": "", "with a file of somebody else's": "notes.txt"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state")
			store, err := state.NewDir(path)
			if err != nil {
				t.Fatal(err)
			}
			revision, err := store.Put(t.Context(), "leases/installation", []byte("{}"), "")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := store.Now(t.Context()); err != nil {
				t.Fatal(err)
			}
			if foreign != "" {
				if err := os.WriteFile(filepath.Join(path, foreign), []byte("mine"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := store.Delete(t.Context(), "leases/installation", revision); err != nil {
				t.Fatal(err)
			}
			if err := store.Remove(); err != nil {
				t.Fatal(err)
			}
			left, err := os.ReadDir(path)
			if foreign == "" {
				if !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%v, %v, want no directory", left, err)
				}
				return
			}
			if err != nil || len(left) != 1 || left[0].Name() != foreign {
				t.Errorf("%v, %v, want only %s", left, err, foreign)
			}
			if err := store.Remove(); err != nil {
				t.Errorf("a second time: %v", err)
			}
		})
	}
}
