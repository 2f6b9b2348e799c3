// Package ledger is what the documents of an environment say is in the cloud: bosh-cli's
// deployment state and the journal of the CPI's calls. It writes them, refuses what no run
// has written, and brings the state to what the journal of a run that was killed says.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/crash"
)

// Names of the documents in which an environment is kept.
const (
	// StateDocument is bosh-cli's deployment state: the VM, disks, stemcells and
	// releases that are there. It holds no secret.
	StateDocument = "run/environment/state.json"
	// JournalDocument is the journal of the last run's CPI calls, without secrets.
	JournalDocument = "run/environment/cpi.json"
	// ManifestDocument is what the VM was last made from, value by value, with secrets
	// hidden: for what is shown of a change, and for nothing else.
	ManifestDocument = "run/environment/manifest.json"
)

// ErrState says that the state or the journal is not what this package has written.
var ErrState = errors.New("read state of the environment")

// Documents is where an environment's documents are kept. A Put is durable when it
// returns, and is never seen half.
type Documents interface {
	// Get gives the document, or nil and no error if there is none.
	Get(ctx context.Context, name string) ([]byte, error)
	Put(ctx context.Context, name string, body []byte) error
	Delete(ctx context.Context, name string) error
}

// recordTime is how long a document may take to be written, also when the run
// has been told to stop: what the CPI has answered must be recorded.
const recordTime = time.Minute

// Writer reads and writes the documents in one run. After a write that failed it refuses
// all others: the run must not go on with things of which nobody knows.
type Writer struct {
	ctx       context.Context // the run's; its end does not end a write
	documents Documents
	dry       bool

	mu     sync.Mutex
	broken error
}

// NewWriter is the Writer of a run whose context is ctx; a dry one writes nothing.
func NewWriter(ctx context.Context, documents Documents, dry bool) *Writer {
	return &Writer{ctx: ctx, documents: documents, dry: dry}
}

// Dry says whether the run only looks.
func (w *Writer) Dry() bool { return w.dry }

// Get reads a document; nil if there is none.
func (w *Writer) Get(name string) ([]byte, error) { return w.documents.Get(w.ctx, name) }

// Put writes a document and remembers a failure.
func (w *Writer) Put(name string, body []byte) error {
	if err := w.Failure(); err != nil || w.dry {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), recordTime)
	defer cancel()
	crash.Here("createenv-before-put " + name)
	err := w.documents.Put(ctx, name, body)
	crash.Here("createenv-after-put " + name)
	return w.note(name, err)
}

// Remove deletes a document and remembers a failure.
func (w *Writer) Remove(name string) error {
	if err := w.Failure(); err != nil || w.dry {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), recordTime)
	defer cancel()
	crash.Here("createenv-before-delete " + name)
	return w.note(name, w.documents.Delete(ctx, name))
}

// note remembers why a document could not be written.
func (w *Writer) note(name string, err error) error {
	if err == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = fmt.Errorf("record %s: %w", name, err)
	return w.broken
}

// Failure is the first write that failed, if one did.
func (w *Writer) Failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.broken
}
