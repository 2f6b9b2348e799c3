package createenv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	biconfig "github.com/cloudfoundry/bosh-cli/v7/config"
	boshuuid "github.com/cloudfoundry/bosh-utils/uuid"

	"github.com/perpetual-ci/perpetual/pkg/createenv/workspace"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// Environment makes, changes and deletes one director VM.
type Environment struct {
	o         Options
	workspace workspace.Workspace
}

// New opens the workspace and removes at once what a killed run has left in it:
// the rendered CPI job and templates hold credentials. Only while a CPI of
// that run is still at work is its job left to it; the next call of Create or
// Delete waits for it. It fails with ErrBusy while another run uses the workspace.
func New(o Options) (*Environment, error) {
	defaults(&o)
	w, err := workspace.Open(o.Dir)
	if err != nil {
		return nil, err
	}
	unlock, err := w.Lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if !w.AtWork() {
		if err := w.Sweep(); err != nil {
			return nil, err
		}
	}
	return &Environment{o: o, workspace: w}, nil
}

// Create makes the environment as r wants it: the first time from nothing, later
// by making the VM again and attaching its disk. It does nothing if all is so
// already and the VM is there. What a killed run has left is finished or removed.
//
// It fails with ErrProgram, ErrBusy or ErrState before anything is done, with
// ErrStopped when ctx was done, and otherwise with the step and its cause; every
// error ends with what exists.
func (e *Environment) Create(ctx context.Context, r Request) (Result, error) {
	var out Result
	err := e.session(ctx, r, "create the environment", false, func(s *session) error {
		p, err := s.parse()
		if err != nil {
			return err
		}
		st, err := s.ledger.Load()
		if err != nil {
			return err
		}
		there := false
		if deployed(st, p) && !r.Recreate {
			if there, err = s.alive(p, st); err != nil {
				return err
			}
			if !there {
				e.o.Notify(fmt.Sprintf("VM %s is gone: it is created again", st.CurrentVMCID))
			}
		}
		if there {
			err = s.remember(p) // an earlier version did not
		} else {
			for _, line := range s.differences(p, st) {
				e.o.Changes(line)
			}
			err = s.deploy(p, r.SkipDrain)
		}
		out = result(s.ledger.state)
		out.Changed = !there || len(unused(st)) > 0
		return err
	})
	return out, err
}

// Pending lists what Create would do, for people; none means that all is up to
// date. Nothing is changed; the CPI's release may be fetched to ask whether
// the VM is there.
func (e *Environment) Pending(ctx context.Context, r Request) (changes []string, err error) {
	err = e.session(ctx, r, "compare the environment", true, func(s *session) error {
		p, err := s.parse()
		if err != nil {
			return err
		}
		st := s.ledger.state
		switch {
		case st.CurrentVMCID == "":
			changes = append(changes, "make the VM from "+stemcellOf(p))
		case st.CurrentManifestSHA == "":
			changes = append(changes, fmt.Sprintf("finish a change that was stopped: make VM %s again", st.CurrentVMCID))
		case !deployed(st, p):
			changes = append(changes, fmt.Sprintf("the manifest, a credential, a release or the stemcell has changed: make VM %s again from %s", st.CurrentVMCID, stemcellOf(p)))
		default:
			there, err := s.alive(p, st)
			if err != nil {
				return err
			}
			if !there {
				changes = append(changes, fmt.Sprintf("VM %s is gone: make it again", st.CurrentVMCID))
			} else if r.Recreate {
				changes = append(changes, fmt.Sprintf("make VM %s again, as asked", st.CurrentVMCID))
			}
		}
		if len(changes) > 0 {
			changes = append(append(changes, diskChanges(st, p)...), s.differences(p, st)...)
		}
		for _, thing := range unused(st) {
			changes = append(changes, "delete "+thing+", which nothing uses")
		}
		return nil
	})
	return changes, err
}

// unused are the disks and stemcells that a run which was stopped has not deleted.
func unused(st biconfig.DeploymentState) []string {
	var out []string
	for _, d := range st.Disks {
		if d.ID != st.CurrentDiskID {
			out = append(out, "disk "+d.CID)
		}
	}
	for _, c := range st.Stemcells {
		if c.ID != st.CurrentStemcellID {
			out = append(out, "stemcell "+c.CID)
		}
	}
	return out
}

// stemcellOf names the manifest's stemcell.
func stemcellOf(p parsed) string {
	ref, err := p.deployment.Stemcell(p.deployment.JobName())
	if err != nil {
		return "its stemcell"
	}
	return ref.URL
}

// diskChanges say what becomes of the persistent disk.
func diskChanges(st biconfig.DeploymentState, p parsed) []string {
	pool, err := p.deployment.DiskPool(p.deployment.JobName())
	if err != nil {
		return nil
	}
	for _, d := range st.Disks {
		if d.ID != st.CurrentDiskID {
			continue
		}
		switch {
		case pool.DiskSize == 0:
			return []string{fmt.Sprintf("disk %s is no longer attached", d.CID)}
		case pool.DiskSize != d.Size:
			return []string{fmt.Sprintf("copy disk %s to a new one: %d MB → %d MB", d.CID, d.Size, pool.DiskSize)}
		}
		return []string{fmt.Sprintf("disk %s is kept", d.CID)}
	}
	if pool.DiskSize > 0 {
		return []string{fmt.Sprintf("make a disk of %d MB", pool.DiskSize)}
	}
	return nil
}

// Delete removes the VM, its disks, its stemcells and the state; it does nothing
// if there is none. It fails as Create does.
func (e *Environment) Delete(ctx context.Context, r Request) error {
	return e.session(ctx, r, "delete the environment", false, func(s *session) error {
		if s.ledger.Exists() {
			p, err := s.parse()
			if err != nil {
				return err
			}
			if err := s.destroy(p, r.SkipDrain); err != nil {
				return err
			}
			if err := s.ledger.Cleanup(); err != nil {
				return err
			}
		}
		if err := s.forgetManifest(); err != nil {
			return err
		}
		body, err := s.documents.keeper.Get(ctx, JournalDocument)
		if err != nil || body == nil {
			return err
		}
		return s.documents.remove(JournalDocument)
	})
}

// session does one thing with the workspace locked, the journal reconciled and
// bosh-cli wired, turns a panic of bosh-cli into an error, and leaves no secret.
func (e *Environment) session(ctx context.Context, r Request, doing string, dry bool, do func(*session) error) (err error) {
	if err := findPrograms(e.o.Path); err != nil {
		return err
	}
	unlock, err := e.workspace.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	s, err := e.open(ctx, r, dry)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	defer func() {
		if s.cpi.left == "" { // else the CPI still needs its job; the next run removes it
			err = errors.Join(err, e.workspace.Sweep())
		}
	}()
	err = s.wrap(doing, guarded(func() error {
		if err := e.workspace.Sweep(); err != nil {
			return err
		}
		if err := s.wire(e.o.Path, r.Manifest); err != nil {
			return err
		}
		defer func() { _ = s.releases.DeleteAll() }()
		return do(s)
	}))
	return err
}

// guarded makes an error of a panic: bosh-cli has some, for answers that it does
// not expect of a CPI or an agent.
func guarded(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("bosh-cli could not go on with an answer of the CPI or the agent: %v", p)
		}
	}()
	return do()
}

// open reads the documents and reconciles them.
func (e *Environment) open(ctx context.Context, r Request, dry bool) (*session, error) {
	d := &documents{ctx: ctx, keeper: e.o.Documents, dry: dry}
	s := &session{
		ctx: ctx, workspace: e.workspace, documents: d, uuids: boshuuid.NewGenerator(),
		masker: secret.NewWriter(io.Discard, secretsOf(r.Vars)...), poll: e.o.Poll, notify: e.o.Notify, manifestVars: r.Vars, transient: r.Transient, show: showing(r),
	}
	s.stage = &stage{ctx: ctx, now: e.o.Now, check: s.check, last: &s.failed, tell: func(event Event) {
		event.Step, event.Reason = s.mask(event.Step), s.mask(event.Reason)
		e.o.Progress(event)
	}}
	var err error
	if s.ledger, err = openLedger(d, s.uuids); err != nil {
		return nil, err
	}
	body, err := d.keeper.Get(ctx, JournalDocument)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", JournalDocument, err)
	}
	j, err := decodeJournal(body)
	if err != nil {
		return nil, err
	}
	if err := e.reconcile(ctx, s, &j, r.Inspect); err != nil {
		return nil, err
	}
	host, _ := os.Hostname()
	s.cpi = &cpi{ctx: ctx, documents: d, dir: e.workspace.Calls(), now: e.o.Now, grace: e.o.Grace,
		journal: journal{Host: host, Workspace: e.workspace.ID, Lost: j.Lost}}
	return s, nil
}

// reconcile brings the state to what the last run's journal says, and writes both.
func (e *Environment) reconcile(ctx context.Context, s *session, j *journal, inspect func(context.Context, []Thing) ([]Thing, error)) error {
	settled, err := settleCalls(ctx, j, e.workspace, e.o.Notify)
	if err != nil {
		return err
	}
	st, err := clone(s.ledger.state)
	if err != nil {
		return err
	}
	f, err := reconcile(*j, &st, s.uuids)
	if err != nil {
		return err
	}
	if things := thingsOf(st, f.doubted); inspect != nil && len(things) > 0 {
		if s.gone, err = inspect(ctx, things); err != nil {
			return err
		}
	}
	if err := e.keepSettled(s, j, settled); err != nil || !f.changed && len(f.doubted) == 0 {
		return err
	}
	if !s.documents.dry {
		s.doubted = f.doubted
	}
	if st.DirectorID == "" {
		if st.DirectorID, err = s.uuids.Generate(); err != nil {
			return fmt.Errorf("generate the director's id: %w", err)
		}
	}
	for _, line := range f.said {
		e.o.Notify(line)
	}
	return s.ledger.Save(st)
}

// keepSettled writes a journal that has got answers, and then does without their files.
func (e *Environment) keepSettled(s *session, j *journal, settled bool) error {
	if settled {
		body, err := json.MarshalIndent(j, "", "  ")
		if err != nil {
			return fmt.Errorf("encode %s: %w", JournalDocument, err)
		}
		if err := s.documents.put(JournalDocument, body); err != nil {
			return err
		}
	}
	if !s.documents.dry {
		e.workspace.ForgetCalls()
	}
	return nil
}
