package environment

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/perpetual-ci/perpetual/pkg/state"
)

// Documents are create-env's, in the state store. What it has not read itself it
// does not overwrite.
type Documents struct {
	store state.Store
	trim  string

	mu        sync.Mutex
	revisions map[string]string
}

// NewDocuments keeps create-env's documents in a store. trim is what the names there begin
// without: "" but for a state that is as an older release has kept it, which is only read.
func NewDocuments(store state.Store, trim string) *Documents {
	return &Documents{store: store, trim: trim, revisions: map[string]string{}}
}

// Get implements ledger.Documents.
func (d *Documents) Get(ctx context.Context, name string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name = strings.TrimPrefix(name, d.trim)
	found, err := d.store.Get(ctx, name)
	if errors.Is(err, state.ErrNotFound) {
		delete(d.revisions, name)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	d.revisions[name] = found.Revision
	return found.Body, nil
}

// Put implements ledger.Documents.
func (d *Documents) Put(ctx context.Context, name string, body []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	revision, err := d.store.Put(ctx, name, body, d.revisions[name])
	if err == nil {
		d.revisions[name] = revision
	}
	return err
}

// Delete implements ledger.Documents.
func (d *Documents) Delete(ctx context.Context, name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	revision, known := d.revisions[name]
	if !known {
		return nil
	}
	err := d.store.Delete(ctx, name, revision)
	if err == nil || errors.Is(err, state.ErrNotFound) {
		delete(d.revisions, name)
		return nil
	}
	return err
}
