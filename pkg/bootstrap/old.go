package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// Where older releases have kept the state, unsigned and in clear. A deploy by hand moves
// it once; nothing is read there afterwards.
const (
	oldConfigName      = "config.json"
	oldCredentialsName = "credentials.json"
	oldRecordName      = "installation.json"
	oldLeaseName       = "leases/installation"
)

// moved are the folders whose documents move below run/ as they are.
var moved = []string{"environment/", "journal/", "paused/"}

// oldRecord is the record as it was kept there.
type oldRecord struct {
	record.Choice
	record.Findings
	Files map[string]string `json:"files,omitempty"`
}

var oldRecordFormat = state.Format{Kind: "installation"}

var oldRecordCodec = codec[oldRecord]{
	encode: func(o oldRecord) ([]byte, error) { return oldRecordFormat.Encode(o) },
	decode: func(name string, body []byte) (o oldRecord, err error) {
		err = oldRecordFormat.Decode(name, body, &o)
		return o, err
	},
}

var configCodec = codec[*config.Config]{encode: config.Encode, decode: config.Decode}

// isOld says whether the state is where an older release has kept it, and was never
// moved.
func (r *run) isOld(ctx context.Context) (bool, error) {
	if r.statement.exists {
		return false, nil
	}
	found := false
	for _, name := range []string{oldRecordName, oldConfigName} {
		_, err := r.store.Get(ctx, name)
		if err != nil && !errors.Is(err, state.ErrNotFound) {
			return false, fmt.Errorf("read %s: %w", name, err)
		}
		found = found || err == nil
	}
	if !r.options.Self && r.Operator != nil {
		seen, err := r.lastSeen()
		if err != nil {
			return false, err
		}
		if seen.serial(configurationName) > 0 && !r.options.AcceptStored {
			again := "run again with --accept-stored"
			if !r.asks {
				again = fmt.Sprintf("run perpetual deploy %s --accept-stored", r.Name)
			}
			return false, fmt.Errorf("%s has no %s, which this operator has seen there; nothing was changed: restore it from an earlier version, or, if that was destroyed on purpose, %s", storeName(r), configurationName, again)
		}
	}
	if found && r.options.Self {
		return false, fmt.Errorf("%s is from an older release, and not signed; nothing was changed: run perpetual deploy %s by hand once, which moves it", storeName(r), r.Name)
	}
	return found, nil
}

// oldStore says the same of a store without reading more of it.
func oldStore(ctx context.Context, store state.Store) (bool, error) {
	for _, name := range []string{configurationName, oldRecordName, oldConfigName} {
		_, err := store.Get(ctx, name)
		if err == nil || !errors.Is(err, state.ErrNotFound) {
			return err == nil && name != configurationName, err
		}
	}
	return false, nil
}

// leaseOf is the name of the lease that counts in a store.
func leaseOf(ctx context.Context, store state.Store) (string, error) {
	old, err := oldStore(ctx, store)
	if err != nil {
		return "", fmt.Errorf("read the state: %w", err)
	}
	if old {
		return oldLeaseName, nil
	}
	return leaseName, nil
}

// loadOld reads the state of an older release.
func (r *run) loadOld(ctx context.Context) error {
	kept, old, err := load(ctx, r.store, oldRecordName, oldRecordCodec)
	if err != nil {
		return err
	}
	// No older release has kept where components come from: nobody has said that.
	old.Components = nil
	r.record = record.Record{Choice: old.Choice, Findings: old.Findings}
	r.said = statement{files: old.Files, choice: old.Choice}
	wanted, config, err := load(ctx, r.store, oldConfigName, configCodec)
	if err != nil {
		return err
	}
	secrets, credentials, err := load(ctx, r.store, oldCredentialsName, credentialCodec)
	if err != nil {
		return err
	}
	r.said.config, r.credentials = config, credentials
	r.oldDigest = digestOf([]byte(digestOf(kept.body) + digestOf(wanted.body) + digestOf(secrets.body)))
	// A run that was killed may have begun to move it: what it wrote is written again.
	if r.recordDocument, _, err = load(ctx, r.store, recordName, plainRecord); err != nil {
		return err
	}
	if r.credentialDocument, _, err = loadSealed(ctx, r, credentialsName, credentialCodec); err != nil {
		return err
	}
	r.viewDocument, _, err = loadSealed(ctx, r, pipelineName, credentialCodec)
	return err
}

// plainRecord writes a record over whatever is there.
var plainRecord = codec[record.Findings]{
	encode: record.Encode,
	decode: func(string, []byte) (record.Findings, error) { return record.Findings{}, nil },
}

// missingOld names the documents that the state of an older release must have.
func (r *run) missingOld() (names []string) {
	if r.said.config == nil {
		names = append(names, oldConfigName)
	}
	made := slices.ContainsFunc(r.record.Steps, func(s record.Step) bool { return s.Step == stepCredentials })
	if len(r.credentials) == 0 && (made || r.record.Director || usesService(r.config)) {
		names = append(names, oldCredentialsName)
	}
	return names
}

// own makes the state the operator's: one of an older release is moved, and what was
// accepted is noted. It comes under the lease.
func (r *run) own(ctx context.Context) error {
	if r.options.Self {
		return nil
	}
	if r.old {
		if err := r.perform(ctx, []action{{stepState, r.move}}); err != nil {
			return err
		}
	}
	if !r.statement.exists {
		return nil
	}
	err := r.clearOld(ctx)
	if err == nil {
		err = r.checkPossessions(ctx) // a state that was moved has been looked at nowhere else
	}
	if err == nil {
		err = r.noteAccepted()
	}
	if err != nil {
		return &step.Error{Step: stepState, Err: err}
	}
	if (r.resigns() || r.rewraps()) && !r.lenient {
		return r.perform(ctx, []action{{stepState, r.resign}})
	}
	if err := r.noteSigner(); err != nil {
		return &step.Error{Step: stepState, Err: err}
	}
	return nil
}

// movedLines say what a deploy would do with the state of an older release.
func (r *run) movedLines() []string {
	lines := []string{"+ the operator's key, if there is none: " + r.Operator.Where()}
	for _, name := range Documents() {
		lines = append(lines, "+ "+name)
	}
	return append(lines, "- "+oldConfigName, "- "+oldCredentialsName, "- "+oldRecordName)
}

// move writes the state of an older release to its places, signed and encrypted. The
// statement goes last: with it the old documents count no more.
func (r *run) move(ctx context.Context) (step.Outcome, error) {
	names, err := r.store.List(ctx, "")
	if err != nil {
		return step.Outcome{}, fmt.Errorf("list the state: %w", err)
	}
	for _, name := range names {
		if slices.ContainsFunc(moved, func(folder string) bool { return strings.HasPrefix(name, folder) }) {
			if err := r.copy(ctx, name, runFolder+name); err != nil {
				return step.Outcome{}, err
			}
		}
	}
	if _, err := r.recordDocument.save(ctx, r.record.Findings); err != nil {
		return step.Outcome{}, err
	}
	crash.Here("moved-run")
	if _, err := r.pipelineKey(r.credentials); err != nil {
		return step.Outcome{}, err
	}
	if _, err := keep(ctx, r, r.credentialDocument, r.credentials); err != nil {
		return step.Outcome{}, err
	}
	if err := r.saveView(ctx); err != nil {
		return step.Outcome{}, err
	}
	crash.Here("moved-credentials")
	if err := r.saveStatement(ctx); err != nil {
		return step.Outcome{}, err
	}
	crash.Here("moved-statement")
	r.old = false
	return step.Changed.Report("it is signed and encrypted now")
}

// copy copies a document over whatever is at the other name.
func (r *run) copy(ctx context.Context, from, to string) error {
	source, err := r.store.Get(ctx, from)
	if errors.Is(err, state.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", from, err)
	}
	target, err := r.store.Get(ctx, to)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return fmt.Errorf("read %s: %w", to, err)
	}
	if _, err := r.store.Put(ctx, to, source.Body, target.Revision); err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	return nil
}

// clearOld deletes what an older release has kept, once it was moved.
func (r *run) clearOld(ctx context.Context) error {
	names, err := r.store.List(ctx, "")
	if err != nil {
		return fmt.Errorf("list the state: %w", err)
	}
	for _, name := range names {
		old := slices.Contains([]string{oldConfigName, oldCredentialsName, oldRecordName}, name) ||
			slices.ContainsFunc(append([]string{"leases/"}, moved...), func(folder string) bool { return strings.HasPrefix(name, folder) })
		if !old || name == oldLeaseName && r.heldOld { // it is given back at the end
			continue
		}
		found, err := r.store.Get(ctx, name)
		if err == nil {
			err = r.store.Delete(ctx, name, found.Revision)
		}
		if err != nil && !errors.Is(err, state.ErrNotFound) {
			return fmt.Errorf("delete %s, which was moved: %w", name, err)
		}
	}
	return nil
}

// Stored gives the configuration that a store has, signed or of an older release. It
// fails with ErrNotFound.
func (i *Installation) Stored(ctx context.Context, store state.Store) (*config.Config, error) {
	r := i.newRun(Options{})
	r.store, r.lenient = store, true
	d, said, err := loadSealed(ctx, r, configurationName, statementCodec)
	if err != nil {
		return nil, err
	}
	if !d.exists {
		if _, said.config, err = load(ctx, store, oldConfigName, configCodec); err != nil {
			return nil, err
		}
	}
	if said.config == nil {
		return nil, fmt.Errorf("the configuration: %w", ErrNotFound)
	}
	return said.config, nil
}
