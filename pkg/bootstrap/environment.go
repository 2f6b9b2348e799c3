package bootstrap

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/document"
	"github.com/perpetual-ci/perpetual/pkg/createenv"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// Environment is create-env: the director's own VM; a *createenv.Environment is one.
type Environment interface {
	// Pending says what Create would do, with each URL, digest and value that changes;
	// nothing means nothing.
	Pending(ctx context.Context, r createenv.Request) ([]string, error)
	// Create converges the VM. A context that ends stops it at a safe point.
	Create(ctx context.Context, r createenv.Request) (createenv.Result, error)
	// Delete deletes the VM, its disks and its stemcell.
	Delete(ctx context.Context, r createenv.Request) error
}

// environment opens create-env on the run's store; report gets what changes, before it
// does, and the steps.
func (r *run) environment(report func(string)) (Environment, error) {
	return r.OpenEnvironment(createenv.Options{
		Documents: r.documents(), Changes: report,
		Progress: func(event createenv.Event) {
			if line := describeStep(event); line != "" {
				report(line)
			}
		},
	})
}

// noteDirector shows what goes on in the director's step.
func (r *run) noteDirector(line string) { r.note(stepDirector, "%s", line) }

// pendingDirector says what createDirector would do.
func (r *run) pendingDirector(ctx context.Context, request createenv.Request) ([]string, error) {
	env, err := r.environment(func(string) {})
	if err != nil {
		return nil, err
	}
	return env.Pending(ctx, request)
}

// createDirector converges the director's VM.
func (r *run) createDirector(ctx context.Context, request createenv.Request) (changed bool, err error) {
	env, err := r.environment(r.noteDirector)
	if err != nil {
		return false, err
	}
	result, err := env.Create(ctx, request)
	return result.Changed, err
}

// deleteDirectorVM deletes the director's VM with what it was made from.
func (r *run) deleteDirectorVM(ctx context.Context, request createenv.Request) error {
	env, err := r.environment(r.noteDirector)
	if err != nil {
		return err
	}
	return env.Delete(ctx, request)
}

// describeStep makes a line of what create-env does: "deploying: Creating VM … (12s)".
func describeStep(e createenv.Event) string {
	what := e.Step
	if what == "" {
		what = e.Stage
	} else if e.Stage != "" {
		what = e.Stage + ": " + what
	}
	switch e.Status {
	case createenv.Started:
		return what
	case createenv.Failed:
		return what + ": failed: " + firstLine(e.Reason)
	case createenv.Skipped:
		return what + ": skipped, " + firstLine(e.Reason)
	}
	return "" // the next line tells that this one has ended
}

// firstLine is the first line of a text.
func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// documents are create-env's. A plan looks at those of an older release where they are.
func (r *run) documents() *documents {
	d := newDocuments(r.store)
	d.old = r.kept.Old()
	return d
}

// environmentFolder is below what create-env's documents are.
func (r *run) environmentFolder() string {
	if r.kept.Old() {
		return strings.TrimPrefix(environmentFolder, document.RunFolder)
	}
	return environmentFolder
}

// environmentFolder is where create-env's documents are; an older release has kept them
// outside the folder of runs.
const environmentFolder = document.RunFolder + "environment/"

// newDocuments keeps create-env's documents in a store.
func newDocuments(store state.Store) *documents {
	return &documents{store: store, revisions: map[string]string{}}
}

// documents are create-env's, in the state store. What it has not read itself it
// does not overwrite.
type documents struct {
	store state.Store
	old   bool // they are where an older release has kept them

	mu        sync.Mutex
	revisions map[string]string
}

// Get implements ledger.Documents.
func (d *documents) Get(ctx context.Context, name string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.old {
		name = strings.TrimPrefix(name, document.RunFolder)
	}
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
func (d *documents) Put(ctx context.Context, name string, body []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	revision, err := d.store.Put(ctx, name, body, d.revisions[name])
	if err == nil {
		d.revisions[name] = revision
	}
	return err
}

// Delete implements ledger.Documents.
func (d *documents) Delete(ctx context.Context, name string) error {
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
