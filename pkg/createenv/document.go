package createenv

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	biconfig "github.com/cloudfoundry/bosh-cli/v7/config"
	boshuuid "github.com/cloudfoundry/bosh-utils/uuid"

	"github.com/perpetual-ci/perpetual/pkg/crash"
)

// recordTime is how long a document may take to be written, also when the run
// has been told to stop: what the CPI has answered must be recorded.
const recordTime = time.Minute

// documents writes the two documents. After a write that failed it refuses
// all others: the run must not go on with things of which nobody knows.
type documents struct {
	ctx    context.Context // the run's; its end does not end a write
	keeper Documents
	dry    bool // writes nothing: the run only looks

	mu     sync.Mutex
	broken error
}

// put writes a document and remembers a failure.
func (d *documents) put(name string, body []byte) error {
	if err := d.failure(); err != nil || d.dry {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.ctx), recordTime)
	defer cancel()
	crash.Here("createenv-before-put " + name)
	err := d.keeper.Put(ctx, name, body)
	crash.Here("createenv-after-put " + name)
	return d.note(name, err)
}

// remove deletes a document and remembers a failure.
func (d *documents) remove(name string) error {
	if err := d.failure(); err != nil || d.dry {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.ctx), recordTime)
	defer cancel()
	crash.Here("createenv-before-delete " + name)
	return d.note(name, d.keeper.Delete(ctx, name))
}

func (d *documents) note(name string, err error) error {
	if err == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.broken = fmt.Errorf("record %s: %w", name, err)
	return d.broken
}

// failure is the first write that failed, if one did.
func (d *documents) failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.broken
}

// ledger is the deployment state: bosh-cli reads it from memory and every change
// is in the document before bosh-cli goes on. It implements bosh-cli's
// DeploymentStateService.
type ledger struct {
	documents *documents
	uuids     boshuuid.Generator

	state  biconfig.DeploymentState
	stored []byte // the document as it was last read or written; nil: there is none
}

// openLedger reads the state. It fails with ErrState where the document is not
// a whole state: half of one is never taken for an empty one.
func openLedger(d *documents, uuids boshuuid.Generator) (*ledger, error) {
	l := &ledger{documents: d, uuids: uuids}
	body, err := d.keeper.Get(d.ctx, StateDocument)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", StateDocument, err)
	}
	if body == nil {
		return l, nil
	}
	if l.state, err = decodeState(body); err != nil {
		return nil, err
	}
	l.stored = body
	return l, nil
}

// decodeState reads a state document. It fails with ErrState.
func decodeState(body []byte) (biconfig.DeploymentState, error) {
	var s biconfig.DeploymentState
	explain := "; restore its last whole version, or, if nothing was created yet, delete it"
	if err := json.Unmarshal(body, &s); err != nil {
		return s, fmt.Errorf("%w: %s is not whole: %w%s", ErrState, StateDocument, err, explain)
	}
	if s.DirectorID == "" {
		return s, fmt.Errorf("%w: %s has no director_id%s", ErrState, StateDocument, explain)
	}
	return s, plausible(s)
}

// Path is for bosh-cli's messages only.
func (l *ledger) Path() string { return StateDocument }

// Exists says whether there is a state.
func (l *ledger) Exists() bool { return l.stored != nil }

// Load gives a copy of the state; the first time ever it also names the director.
func (l *ledger) Load() (biconfig.DeploymentState, error) {
	if l.state.DirectorID == "" {
		id, err := l.uuids.Generate()
		if err != nil {
			return l.state, fmt.Errorf("generate the director's id: %w", err)
		}
		s := l.state
		s.DirectorID = id
		if err := l.Save(s); err != nil {
			return l.state, err
		}
	}
	return clone(l.state)
}

// Save makes s the state, in the document first.
func (l *ledger) Save(s biconfig.DeploymentState) error {
	body, err := json.MarshalIndent(s, "", "    ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", StateDocument, err)
	}
	if bytes.Equal(body, l.stored) {
		return nil
	}
	if err := l.documents.put(StateDocument, body); err != nil {
		// In memory it is true all the same: the error at the end tells what exists.
		l.state, _ = clone(s)
		return err
	}
	l.state, l.stored = s, body
	return nil
}

// Cleanup removes the state of an environment that is gone.
func (l *ledger) Cleanup() error {
	if l.stored == nil {
		return nil
	}
	if err := l.documents.remove(StateDocument); err != nil {
		return err
	}
	l.state, l.stored = biconfig.DeploymentState{}, nil
	return nil
}

// clone is a deep copy: bosh-cli changes the slices of what it has loaded.
func clone(s biconfig.DeploymentState) (biconfig.DeploymentState, error) {
	body, err := json.Marshal(s)
	if err != nil {
		return s, fmt.Errorf("encode %s: %w", StateDocument, err)
	}
	var out biconfig.DeploymentState
	if err := json.Unmarshal(body, &out); err != nil {
		return s, fmt.Errorf("decode %s: %w", StateDocument, err)
	}
	return out, nil
}

// result is what the state says there is.
func result(s biconfig.DeploymentState) Result {
	r := Result{VM: s.CurrentVMCID}
	for _, d := range s.Disks {
		if d.ID == s.CurrentDiskID {
			r.Disk = d.CID
		}
	}
	for _, c := range s.Stemcells {
		if c.ID == s.CurrentStemcellID {
			r.Stemcell = c.CID
		}
	}
	return r
}
