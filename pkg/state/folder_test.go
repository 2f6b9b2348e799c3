package state_test

import (
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/state"
	"github.com/perpetual-ci/perpetual/pkg/state/statetest"
)

func TestFolder_isAStore(t *testing.T) {
	statetest.Run(t, func(t *testing.T) func() state.Store {
		dir := t.TempDir()
		return func() state.Store {
			store, err := state.NewDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			return state.Folder(store, "run/")
		}
	})
}

func TestFolder_keepsToItself(t *testing.T) {
	store, err := state.NewDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Put(t.Context(), "operator/x", []byte("theirs"), ""); err != nil {
		t.Fatal(err)
	}
	in := state.Folder(store, "run/")
	if _, err := in.Put(t.Context(), "x", []byte("ours"), ""); err != nil {
		t.Fatal(err)
	}
	if names, err := in.List(t.Context(), ""); err != nil || len(names) != 1 || names[0] != "x" {
		t.Errorf("it lists %v, %v", names, err)
	}
	if found, err := store.Get(t.Context(), "run/x"); err != nil || string(found.Body) != "ours" {
		t.Errorf("below it is %q, %v", found.Body, err)
	}
}
