package environment

import (
	"errors"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/createenv"
	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// create-env overwrites and deletes only what it has read: of two runs that have both
// read a document, one writes it.
func TestDocuments_areWrittenOverWhatWasReadOnly(t *testing.T) {
	store, err := state.NewDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	one, other := NewDocuments(store, ""), NewDocuments(store, "")
	for _, d := range []ledger.Documents{one, other} {
		if body, err := d.Get(t.Context(), ledger.StateDocument); body != nil || err != nil {
			t.Fatalf("of nothing it gives %q, %v", body, err)
		}
	}
	if err := one.Put(t.Context(), ledger.StateDocument, []byte("one")); err != nil {
		t.Fatal(err)
	}
	if err := other.Put(t.Context(), ledger.StateDocument, []byte("other")); !errors.Is(err, state.ErrConflict) {
		t.Errorf("a document that it has not seen: %v", err)
	}
	if err := other.Delete(t.Context(), ledger.StateDocument); err != nil {
		t.Errorf("the deletion of what was never read: %v", err)
	}
	if err := one.Put(t.Context(), ledger.StateDocument, []byte("two")); err != nil {
		t.Errorf("a second write: %v", err)
	}
	if body, err := other.Get(t.Context(), ledger.StateDocument); string(body) != "two" || err != nil {
		t.Errorf("it is %q, %v", body, err)
	}
	if err := other.Delete(t.Context(), ledger.StateDocument); err != nil {
		t.Errorf("the deletion of what was read: %v", err)
	}
	if err := one.Delete(t.Context(), ledger.StateDocument); err != nil {
		t.Errorf("the deletion of what is gone: %v", err)
	}
	if body, err := one.Get(t.Context(), ledger.StateDocument); body != nil || err != nil {
		t.Errorf("after its deletion it is %q, %v", body, err)
	}
}

func TestSteps_areOneLineEach(t *testing.T) {
	for line, e := range map[string]createenv.Event{
		"deploying: Creating VM":              {Stage: "deploying", Step: "Creating VM", Status: createenv.Started},
		"deploying":                           {Stage: "deploying", Status: createenv.Started},
		"Creating VM: failed: no such region": {Step: "Creating VM", Status: createenv.Failed, Reason: " no such region\nat line 2"},
		"Uploading: skipped, already there":   {Step: "Uploading", Status: createenv.Skipped, Reason: "already there"},
		"":                                    {Step: "Creating VM", Status: createenv.Finished},
	} {
		if got := describe(e); got != line {
			t.Errorf("%+v is %q, want %q", e, got, line)
		}
	}
}
