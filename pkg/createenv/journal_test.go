package createenv_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/createenv"
	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/cpi"
)

// killed plays a child that dies at a call, and leaves the world as it then is.
func (w *world) killed(f *faults, phase cpi.Phase, method string, then func() *cpi.Fault) {
	w.t.Helper()
	served := w.documents.serve(w.t)
	var kill func()
	armed := make(chan struct{})
	f.set(func(c cpi.Call) *cpi.Fault {
		if c.Phase == phase && c.Method == method {
			<-armed
			kill()
			return then()
		}
		return nil
	})
	kill, wait := w.start(part{Dir: w.dir, Path: w.path, Documents: served, Request: w.request(disk1)})
	close(armed)
	if out, err := wait(); err == nil {
		w.t.Fatalf("the child lived: %s", out)
	}
}

// The CPI goes on when the installer is killed. The next run waits for it and
// takes over what it makes.
func TestKill_waitsForACPIThatIsStillAtWork(t *testing.T) {
	t.Parallel()
	var f faults
	w := newQuickWorld(t, cpi.Options{Hook: f.call})
	release := make(chan struct{})
	w.killed(&f, cpi.During, "create_vm", func() *cpi.Fault {
		<-release
		return nil
	})
	f.set(nil)
	o := w.options()
	o.Notify = func(line string) {
		w.lines = append(w.lines, line)
		if strings.Contains(line, "still at work on create_vm") {
			close(release)
		}
	}
	e, err := createenv.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Create(t.Context(), w.request(disk1)); err != nil {
		t.Fatal(err)
	}
	w.whole(disk1)
	if created := strings.Count(strings.Join(w.cloud.Methods("cpi"), " "), "create_vm"); created != 2 || !w.notified("vm-2, made by a run that did not live") {
		t.Errorf("%d VMs made, told %q", created, w.lines)
	}
}

// The CPI and the installer die together: what it was asked for is named, once,
// with the only thing that finds it.
func TestKill_namesWhatMayBeLost(t *testing.T) {
	t.Parallel()
	var f faults
	w := newQuickWorld(t, cpi.Options{Hook: f.call})
	w.killed(&f, cpi.During, "create_vm", func() *cpi.Fault { return &cpi.Fault{Drop: true} })
	f.set(nil)
	leaked := w.cloud.VMs()[0]
	w.create(disk1)
	if !w.notified("look for a VM whose agent id is " + leaked.AgentID) {
		t.Errorf("told %q, want the agent id %s", w.lines, leaked.AgentID)
	}
	w.cloud.Remove(leaked.CID)
	w.whole(disk1)
	w.forget()
	w.create(disk1)
	if w.notified("look for") {
		t.Errorf("told again: %q", w.lines)
	}
	if !strings.Contains(w.documents.body(ledger.JournalDocument), leaked.AgentID) {
		t.Errorf("journal %s has forgotten it", w.documents.body(ledger.JournalDocument))
	}
}

// A deletion of which nothing came back is asked for again before its disk could be
// given to a new VM.
func TestKill_repeatsADeletionThatMayBeLost(t *testing.T) {
	t.Parallel()
	for _, phase := range []cpi.Phase{cpi.Before, cpi.During} {
		for _, method := range []string{"delete_disk", "delete_stemcell", "delete_vm"} {
			t.Run(string(phase)+" "+method, func(t *testing.T) {
				t.Parallel()
				var f faults
				w := newQuickWorld(t, cpi.Options{Hook: f.call})
				w.create(disk1)
				f.set(on(phase, "cpi", method, cpi.Fault{Drop: true}))
				if err := w.environment().Delete(t.Context(), w.request(disk1)); err == nil {
					t.Fatal("deleted, though the CPI has died")
				}
				f.set(nil)
				w.create(disk1)
				w.whole(disk1)
			})
		}
	}
}

// On another machine the answers' files are not there.
func TestKill_onAnotherMachineIsSaidSo(t *testing.T) {
	t.Parallel()
	var f faults
	w := newQuickWorld(t, cpi.Options{Hook: f.call})
	w.killed(&f, cpi.During, "create_disk", func() *cpi.Fault { return nil })
	f.set(nil)
	w.dir = t.TempDir()
	w.create(disk1)
	if !w.notified("look for a disk of 1024 MB for VM vm-2") {
		t.Errorf("told %q", w.lines)
	}
}

func TestJournal_holdsEveryCallAndNoSecret(t *testing.T) {
	t.Parallel()
	w := newQuickWorld(t, cpi.Options{})
	w.create(disk1)
	var journal struct {
		Calls []struct{ Method, Outcome, CID string }
	}
	if err := json.Unmarshal([]byte(w.documents.body(ledger.JournalDocument)), &journal); err != nil {
		t.Fatal(err)
	}
	var methods []string
	for _, c := range journal.Calls {
		if c.Outcome != "answered" {
			t.Errorf("%+v", c)
		}
		methods = append(methods, c.Method)
	}
	if got, want := strings.Join(methods, " "), strings.Join(w.cloud.Methods("cpi"), " "); got != want {
		t.Errorf("journal %s, calls %s", got, want)
	}
	if journal.Calls[1].CID != "vm-2" {
		t.Errorf("journal %+v", journal)
	}
	w.clean()
}

// Whatever a CPI answers to a run that was killed, and whatever is in the
// documents: an error or a state, never a panic, never half a state.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"result": "vm-1", "error": null}`, `{"result": ["vm-1", {}]}`, `{"result": []}`, `[]`, `{"result": 7}`, "", "{",
		`{"error": {"type": "Bosh::Clouds::VMNotFound"}}`, `null`, `{"result": [null]}`,
	} {
		f.Add([]byte(seed), "create_vm")
		f.Add([]byte(seed), "delete_disk")
	}
	cloud := &documents{bodies: map[string][]byte{}}
	dir := f.TempDir()
	e, err := createenv.New(createenv.Options{Dir: dir, Documents: cloud})
	if err != nil {
		f.Fatal(err)
	}
	id, err := os.ReadFile(filepath.Join(dir, "id"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, answer []byte, method string) {
		if err := os.WriteFile(filepath.Join(dir, "calls", "1.answer"), answer, 0o600); err != nil {
			t.Fatal(err)
		}
		journal, err := json.Marshal(map[string]any{"workspace": string(id), "calls": []any{
			map[string]any{"number": 1, "method": method, "cids": []string{"disk-1"}, "outcome": "intended", "call_file": "1", "at": "2026-08-01T00:00:00Z"},
		}})
		if err != nil {
			t.Fatal(err)
		}
		cloud.bodies = map[string][]byte{
			ledger.JournalDocument: journal,
			ledger.StateDocument:   []byte(`{"director_id": "1", "disks": [{"id": "a", "cid": "disk-1"}]}`),
		}
		_, _ = e.Create(t.Context(), createenv.Request{Manifest: []byte("name: x")})
		var s state
		if err := json.Unmarshal(cloud.bodies[ledger.StateDocument], &s); err != nil {
			t.Fatalf("state %q: %v", cloud.bodies[ledger.StateDocument], err)
		}
	})
}

// FuzzDocuments feeds what is read from the store.
func FuzzDocuments(f *testing.F) {
	f.Add([]byte(`{"director_id": "1", "current_vm_cid": "vm-1"}`), []byte(`{"calls": [{"method": "create_vm", "outcome": "answered", "cid": "vm-2"}]}`))
	f.Add([]byte(`{`), []byte(`{`))
	f.Add([]byte(`{"director_id": "1"}`), []byte(`{"calls": null, "lost": [{}]}`))
	f.Add([]byte(nil), []byte(`{"calls": [{"method": "delete_disk", "outcome": "lost"}]}`))
	store := &documents{bodies: map[string][]byte{}}
	e, err := createenv.New(createenv.Options{Dir: f.TempDir(), Documents: store})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, state, journal []byte) {
		store.bodies = map[string][]byte{}
		for name, body := range map[string][]byte{ledger.StateDocument: state, ledger.JournalDocument: journal} {
			if body != nil {
				store.bodies[name] = body
			}
		}
		store.forget()
		_, err := e.Create(t.Context(), createenv.Request{Manifest: []byte("name: x")})
		if errors.Is(err, ledger.ErrState) && len(store.written()) > 0 {
			t.Errorf("error %v, and wrote %q", err, store.written())
		}
	})
}
