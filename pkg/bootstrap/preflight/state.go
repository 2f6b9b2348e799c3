// Package preflight compares what an installation's state knows with what is there, before
// anything is changed. A state that is empty, another one, or not whole would have things
// created a second time, and credentials generated that lock out what runs. It reads only.
package preflight

import (
	"context"
	"fmt"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
)

// Documents are those of the state, once they were read; a *document.Set has them.
type Documents interface {
	// Known says whether they tell of an installation.
	Known() bool
	// Old says whether they are where an older release has kept them.
	Old() bool
	// Missing names those that must be there; with generated the credentials must be, too.
	Missing(generated bool) []string
	// HasCredentials says whether the credentials are there.
	HasCredentials() bool
}

// Store is where the documents are; a state.Store is one.
type Store interface {
	// List gives the names that begin with a prefix.
	List(ctx context.Context, prefix string) ([]string, error)
}

// State is what the state of an installation knows.
type State struct {
	Name      string // of the installation: "ci"
	Where     string // "the bucket perpetual-ci-123456789012", "the directory /home/ada/ci"
	Documents Documents
	Store     Store // nil while there is none
	Record    record.Record
	Generated bool // credentials were generated for it
	// DirectorState is the document by which create-env knows the director; "" where the
	// director is somebody else's: "run/environment/state.json".
	DirectorState string
}

// missing names the documents that must be there, since the record was written after
// them.
func (s State) missing(ctx context.Context) ([]string, error) {
	names := s.Documents.Missing(s.Generated)
	if s.Documents.Old() || !s.Record.Deployment || s.DirectorState == "" {
		return names, nil
	}
	list, err := s.Store.List(ctx, s.DirectorState)
	if err != nil {
		return nil, fmt.Errorf("list the state: %w", err)
	}
	if !slices.Contains(list, s.DirectorState) {
		names = append(names, s.DirectorState)
	}
	return names, nil
}

// CheckSilence wants nobody to answer at the URL of a director that is about to be created:
// a state that has nothing in create-env's folder may have lost it.
func (s State) CheckSilence(ctx context.Context, folder, url string, answers func(ctx context.Context, url string) bool) error {
	list, err := s.Store.List(ctx, folder)
	if err != nil {
		return fmt.Errorf("list the state: %w", err)
	}
	if len(list) > 0 || !answers(ctx, url) {
		return nil
	}
	return fmt.Errorf("a director answers at %s, and %s has no %s, by which it is known; it was not touched: restore that document from an earlier version, then run again",
		url, s.Where, s.DirectorState)
}
