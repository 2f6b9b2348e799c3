package createenv_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/cpi"
)

// faults are the cloud's, to be changed while it runs.
type faults struct {
	mu   sync.Mutex
	hook func(cpi.Call) *cpi.Fault
}

func (f *faults) call(c cpi.Call) *cpi.Fault {
	f.mu.Lock()
	hook := f.hook
	f.mu.Unlock()
	if hook == nil {
		return nil
	}
	return hook(c)
}

func (f *faults) set(hook func(cpi.Call) *cpi.Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hook = hook
}

// on is a hook that makes one method fail in one phase.
func on(phase cpi.Phase, to, method string, fault cpi.Fault) func(cpi.Call) *cpi.Fault {
	return func(c cpi.Call) *cpi.Fault {
		if c.Phase == phase && c.To == to && c.Method == method {
			return &fault
		}
		return nil
	}
}

// Whatever the CPI refuses: the error says so, what exists is in the state, and the
// next run ends as if nothing had been refused.
func TestCreate_saysWhatTheCPIRefused(t *testing.T) {
	t.Parallel()
	refusal := cpi.Fault{Type: "Bosh::Clouds::CloudError", Message: "quota exceeded"}
	for _, method := range []string{"create_stemcell", "create_vm", "set_vm_metadata", "create_disk", "attach_disk", "set_disk_metadata"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			var f faults
			w := newQuickWorld(t, cpi.Options{Hook: f.call})
			f.set(on(cpi.Before, "cpi", method, refusal))
			_, err := w.environment().Create(t.Context(), w.request(disk1))
			want := "the CPI refused " + method + ": quota exceeded (Bosh::Clouds::CloudError); "
			if err == nil || !strings.Contains(err.Error(), want) || !strings.HasSuffix(err.Error(), "run again to go on") {
				t.Fatalf("error %v", err)
			}
			for _, vm := range w.cloud.VMs() {
				if !strings.Contains(err.Error(), "VM "+vm.CID) {
					t.Errorf("error %v does not name %s", err, vm.CID)
				}
			}
			w.clean()
			f.set(nil)
			w.create(disk1)
			w.whole(disk1)
		})
	}
}

// The same for what the agent refuses, and for an agent that hangs up.
func TestCreate_saysWhatTheAgentRefused(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"mount_disk", "apply", "compile_package", "run_script", "start", "PUT blob"} {
		for kind, fault := range map[string]cpi.Fault{"refuses": {Message: "no space left"}, "hangs up": {Drop: true}} {
			t.Run(method+" "+kind, func(t *testing.T) {
				t.Parallel()
				var f faults
				w := newQuickWorld(t, cpi.Options{Hook: f.call})
				f.set(on(cpi.Before, "agent", method, fault))
				m := manifest{disk: 1024, source: true}
				_, err := w.environment().Create(t.Context(), w.request(m))
				if err == nil || !strings.Contains(err.Error(), "there is VM vm-2, disk disk-3, stemcell sc-1") {
					t.Fatalf("error %v", err)
				}
				if kind == "refuses" && method != "PUT blob" && !strings.Contains(err.Error(), "no space left") {
					t.Errorf("error %v", err)
				}
				w.clean()
				f.set(nil)
				w.create(m)
				w.whole(m)
			})
		}
	}
}

// A few failures of the agent while it works on a task are borne.
func TestCreate_bearsAgentsThatAreAwayForAWhile(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	left := 5
	w := newQuickWorld(t, cpi.Options{Hook: func(c cpi.Call) *cpi.Fault {
		mu.Lock()
		defer mu.Unlock()
		if c.Method == "get_task" && left > 0 {
			left--
			return &cpi.Fault{Drop: true}
		}
		return nil
	}})
	w.create(disk1)
	w.whole(disk1)
}

// bosh-cli panics on these.
func TestCreate_panicsBecomeErrors(t *testing.T) {
	t.Parallel()
	var f faults
	w := newQuickWorld(t, cpi.Options{Hook: f.call})
	f.set(on(cpi.During, "cpi", "create_vm", cpi.Fault{Raw: `{"result": [], "error": null, "log": ""}`}))
	_, err := w.environment().Create(t.Context(), w.request(manifest{}))
	if err == nil || !strings.Contains(err.Error(), "could not go on") {
		t.Fatalf("error %v", err)
	}
	// The cloud has made a VM and has not said which: only its agent's id finds it.
	leaked := w.cloud.VMs()[0]
	if !strings.Contains(err.Error(), "look for a VM whose agent id is "+leaked.AgentID) {
		t.Errorf("error %v, want the agent id %s", err, leaked.AgentID)
	}
	w.clean()
	w.cloud.Remove(leaked.CID)
	f.set(on(cpi.Before, "agent", "get_task", cpi.Fault{Raw: `{"value": "a string"}`}))
	if _, err = w.environment().Create(t.Context(), w.request(manifest{})); err != nil {
		t.Fatal(err) // nothing drains on a first create
	}
	_, err = w.environment().Create(t.Context(), w.request(manifest{property: "new"}))
	if err == nil || !strings.Contains(err.Error(), "could not go on") {
		t.Fatalf("error %v, want a recovered panic of drain", err)
	}
	w.clean()
	f.set(nil)
	w.create(manifest{property: "new"})
	w.whole(manifest{property: "new"})
}

func TestCreate_garbageFromTheCPI(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]cpi.Fault{"no JSON": {Raw: "oops"}, "dies": {Drop: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var f faults
			w := newQuickWorld(t, cpi.Options{Hook: f.call})
			f.set(on(cpi.During, "cpi", "create_disk", fault))
			_, err := w.environment().Create(t.Context(), w.request(disk1))
			if err == nil || !strings.Contains(err.Error(), "look for a disk of 1024 MB for VM vm-2") || strings.Contains(err.Error(), secretMark) {
				t.Fatalf("error %v", err)
			}
			f.set(nil)
			w.create(disk1)
			if len(w.cloud.VMs()) != 1 || !strings.Contains(w.documents.body(ledger.JournalDocument), `"lost"`) {
				t.Errorf("VMs %+v, journal %s", w.cloud.VMs(), w.documents.body(ledger.JournalDocument))
			}
		})
	}
}

// A write that fails ends the run before the next call of the CPI, and the error
// says what is there.
func TestCreate_stopsWhenAWriteFails(t *testing.T) {
	t.Parallel()
	var f faults
	w := newQuickWorld(t, cpi.Options{Hook: f.call})
	full := errors.New("no space left on device")
	writes := 0
	restore := w.keep()
	for n := 1; ; n++ {
		writes = 0
		callsAfter := 0
		w.documents.hook = func(_, _ string, after bool) error {
			if after {
				return nil
			}
			if writes++; writes == n {
				return full
			}
			return nil
		}
		f.set(func(c cpi.Call) *cpi.Fault {
			if writes >= n && c.Phase == cpi.Before {
				callsAfter++
			}
			return nil
		})
		_, err := w.environment().Create(t.Context(), w.request(disk1))
		w.documents.hook = nil
		if writes < n {
			if err != nil || n < 20 {
				t.Fatalf("%d writes in a run, error %v", n-1, err)
			}
			return
		}
		if !errors.Is(err, full) || !strings.Contains(err.Error(), "record run/environment/") {
			t.Fatalf("write %d: error %v", n, err)
		}
		if callsAfter > 0 {
			t.Errorf("write %d: %d calls of the CPI or the agent after it had failed", n, callsAfter)
		}
		for _, vm := range w.cloud.VMs() {
			if !strings.Contains(err.Error(), vm.CID) && !strings.Contains(err.Error(), vm.AgentID) {
				t.Errorf("write %d: error %v does not name %s", n, err, vm.CID)
			}
		}
		w.clean()
		f.set(nil)
		w.create(disk1)
		w.whole(disk1)
		if n%10 == 0 { // the kills of a deletion try it after every round
			w.delete(disk1)
			w.gone()
		}
		restore()
	}
}

func TestState_thatIsNotWhole(t *testing.T) {
	t.Parallel()
	w := newQuickWorld(t, cpi.Options{})
	w.create(disk1)
	state, journal := w.documents.body(ledger.StateDocument), w.documents.body(ledger.JournalDocument)
	for name, bodies := range map[string][2]string{
		"truncated":         {state[:len(state)/2], journal},
		"empty":             {" ", journal},
		"of something else": {`{"deployments": []}`, journal},
		"journal truncated": {state, journal[:len(journal)/2]},
	} {
		w.documents.bodies = map[string][]byte{ledger.StateDocument: []byte(bodies[0]), ledger.JournalDocument: []byte(bodies[1])}
		w.forget()
		e := w.environment()
		_, created := e.Create(t.Context(), w.request(disk1))
		_, pending := e.Pending(t.Context(), w.request(disk1))
		deleted := e.Delete(t.Context(), w.request(disk1))
		for _, err := range []error{created, pending, deleted} {
			if !errors.Is(err, ledger.ErrState) || !strings.Contains(err.Error(), "restore its last whole version") {
				t.Errorf("%s: error %v", name, err)
			}
		}
		if n := len(w.cloud.Calls()) + len(w.documents.written()); n != 0 {
			t.Errorf("%s: %d calls and writes", name, n)
		}
	}
	w.documents.bodies = map[string][]byte{ledger.StateDocument: []byte(state), ledger.JournalDocument: []byte(journal)}
	if r := w.create(disk1); r.Changed {
		t.Error("the whole state is not believed")
	}
}
