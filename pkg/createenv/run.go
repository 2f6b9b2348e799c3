package createenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	biconfig "github.com/cloudfoundry/bosh-cli/v7/config"
	boshuuid "github.com/cloudfoundry/bosh-utils/uuid"

	"github.com/perpetual-ci/perpetual/pkg/createenv/cpi"
	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
	"github.com/perpetual-ci/perpetual/pkg/createenv/manifest"
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
// Delete waits for it. It fails with workspace.ErrBusy while another run uses the workspace.
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
// It fails with cpi.ErrProgram, workspace.ErrBusy or ledger.ErrState before anything is
// done, with cause.ErrStopped when ctx was done, and otherwise with the step and its cause; every
// error ends with what exists.
func (e *Environment) Create(ctx context.Context, r Request) (Result, error) {
	var out Result
	err := e.session(ctx, r, "create the environment", false, func(s *session) error {
		p, err := s.manifest.Parse()
		if err != nil {
			return err
		}
		st, err := s.state.Load()
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
			err = p.Remember(s.writer) // an earlier version did not
		} else {
			for _, line := range p.Differences(s.writer, st) {
				e.o.Changes(line)
			}
			err = s.deploy(p, r.SkipDrain)
		}
		out = result(s.state.Recorded())
		out.Changed = !there || len(unused(st)) > 0
		return err
	})
	return out, err
}

// Delete removes the VM, its disks, its stemcells and the state; it does nothing
// if there is none. It fails as Create does.
func (e *Environment) Delete(ctx context.Context, r Request) error {
	return e.session(ctx, r, "delete the environment", false, func(s *session) error {
		if s.state.Exists() {
			p, err := s.manifest.Parse()
			if err != nil {
				return err
			}
			if err := s.destroy(p, r.SkipDrain); err != nil {
				return err
			}
			if err := s.state.Cleanup(); err != nil {
				return err
			}
		}
		if err := manifest.Forget(s.writer); err != nil {
			return err
		}
		body, err := s.writer.Get(ledger.JournalDocument)
		if err != nil || body == nil {
			return err
		}
		return s.writer.Remove(ledger.JournalDocument)
	})
}

// session does one thing with the workspace locked, the journal reconciled and
// bosh-cli wired, turns a panic of bosh-cli into an error, and leaves no secret.
func (e *Environment) session(ctx context.Context, r Request, doing string, dry bool, do func(*session) error) (err error) {
	if err := cpi.FindPrograms(e.o.Path); err != nil {
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
		if s.cpi.Left() == "" { // else the CPI still needs its job; the next run removes it
			err = errors.Join(err, e.workspace.Sweep())
		}
	}()
	err = s.wrap(doing, guarded(func() error {
		if err := e.workspace.Sweep(); err != nil {
			return err
		}
		if err := s.wire(e.o.Path, r); err != nil {
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
	w := ledger.NewWriter(ctx, e.o.Documents, dry)
	s := &session{
		ctx: ctx, workspace: e.workspace, writer: w, uuids: boshuuid.NewGenerator(), poll: e.o.Poll, notify: e.o.Notify,
		masker: secret.NewWriter(io.Discard, manifest.Secrets(r.Vars)...),
	}
	s.stage = &stage{now: e.o.Now, check: s.check, last: &s.failed, tell: func(event Event) {
		event.Step, event.Reason = s.mask(event.Step), s.mask(event.Reason)
		e.o.Progress(event)
	}}
	var err error
	if s.state, err = ledger.Open(w, s.uuids); err != nil {
		return nil, err
	}
	j, err := w.ReadJournal()
	if err != nil {
		return nil, err
	}
	if err := e.reconcile(ctx, s, &j, r.Inspect); err != nil {
		return nil, err
	}
	host, _ := os.Hostname()
	s.cpi = cpi.NewClient(ctx, w, ledger.Journal{Host: host, Workspace: e.workspace.ID, Lost: j.Lost},
		cpi.Options{Dir: e.workspace.Calls(), Now: e.o.Now, Grace: e.o.Grace})
	return s, nil
}

// reconcile brings the state to what the last run's journal says, and writes both.
func (e *Environment) reconcile(ctx context.Context, s *session, j *ledger.Journal, inspect func(context.Context, []ledger.Thing) ([]ledger.Thing, error)) error {
	settled, err := cpi.Settle(ctx, j, e.workspace, e.o.Notify)
	if err != nil {
		return err
	}
	st := s.state.Recorded()
	f, err := ledger.Reconcile(*j, &st, s.uuids)
	if err != nil {
		return err
	}
	if things := ledger.ThingsOf(st, f.Doubted); inspect != nil && len(things) > 0 {
		if s.gone, err = inspect(ctx, things); err != nil {
			return err
		}
	}
	if err := e.keepSettled(s, j, settled); err != nil || !f.Changed && len(f.Doubted) == 0 {
		return err
	}
	if !s.writer.Dry() {
		s.doubted = f.Doubted
	}
	if st.DirectorID == "" {
		if st.DirectorID, err = s.uuids.Generate(); err != nil {
			return fmt.Errorf("generate the director's id: %w", err)
		}
	}
	for _, line := range f.Said {
		e.o.Notify(line)
	}
	return s.state.Save(st)
}

// keepSettled writes a journal that has got answers, and then does without their files.
func (e *Environment) keepSettled(s *session, j *ledger.Journal, settled bool) error {
	if settled {
		if err := s.writer.PutJournal(*j); err != nil {
			return err
		}
	}
	if !s.writer.Dry() {
		e.workspace.ForgetCalls()
	}
	return nil
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
