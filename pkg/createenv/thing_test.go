package createenv_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	biconfig "github.com/cloudfoundry/bosh-cli/v7/config"
	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/createenv"
	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/cpi"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/cpi/tarball"
)

// rewrite changes the state as whoever may write it.
func (w *world) rewrite(change func(*biconfig.DeploymentState)) {
	w.t.Helper()
	var st biconfig.DeploymentState
	if err := json.Unmarshal([]byte(w.documents.body(ledger.StateDocument)), &st); err != nil {
		w.t.Fatal(err)
	}
	change(&st)
	body, err := json.Marshal(st)
	if err == nil {
		err = w.documents.Put(w.t.Context(), ledger.StateDocument, body)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// A run does nothing with what the documents name before that was looked at, and
// everything that the CPI would be given is shown.
func TestInspect_seesEverythingThatTheCPIWouldBeGiven(t *testing.T) {
	t.Parallel()
	w := newQuickWorld(t, cpi.Options{})
	made := w.create(disk1)
	journal := `{"host": "x", "workspace": "x", "calls": [
		{"number": 1, "method": "create_vm", "outcome": "answered", "cid": "vm-701", "at": "2026-11-29T12:00:00Z"},
		{"number": 2, "method": "create_disk", "outcome": "answered", "cid": "disk-702", "at": "2026-11-29T12:00:00Z"},
		{"number": 3, "method": "delete_disk", "outcome": "lost", "cids": ["disk-703"], "at": "2026-11-29T12:00:00Z"},
		{"number": 4, "method": "delete_disk", "outcome": "intended", "cids": ["disk-704"], "at": "2026-11-29T12:00:00Z"},
		{"number": 5, "method": "delete_stemcell", "outcome": "lost", "cids": ["ami-705"], "at": "2026-11-29T12:00:00Z"},
		{"number": 6, "method": "delete_stemcell", "outcome": "lost", "cids": ["ami-706 light"], "at": "2026-11-29T12:00:00Z"}]}`
	if err := w.documents.Put(t.Context(), ledger.JournalDocument, []byte(journal)); err != nil {
		t.Fatal(err)
	}
	want := []ledger.Thing{
		{Kind: ledger.VM, CID: "vm-701"}, {Kind: ledger.Disk, CID: made.Disk}, {Kind: ledger.Disk, CID: "disk-702"},
		{Kind: ledger.Stemcell, CID: made.Stemcell}, {Kind: ledger.Disk, CID: "disk-703"}, {Kind: ledger.Disk, CID: "disk-704"},
		{Kind: ledger.Stemcell, CID: "ami-705"},
	}
	if found, err := ledger.Things(t.Context(), w.documents); err != nil || !cmp.Equal(found, want) {
		t.Errorf("Things (%v): %s", err, cmp.Diff(want, found))
	}
	w.forget()
	refusal := errors.New("that is somebody else's")
	for name, do := range map[string]func(createenv.Request) error{
		"Create":  func(r createenv.Request) error { _, err := w.environment().Create(t.Context(), r); return err },
		"Pending": func(r createenv.Request) error { _, err := w.environment().Pending(t.Context(), r); return err },
		"Delete":  func(r createenv.Request) error { return w.environment().Delete(t.Context(), r) },
	} {
		r := w.request(disk1)
		r.Inspect = func(_ context.Context, found []ledger.Thing) ([]ledger.Thing, error) {
			if !cmp.Equal(found, want) {
				t.Errorf("%s: %s", name, cmp.Diff(want, found))
			}
			return nil, refusal
		}
		if err := do(r); !errors.Is(err, refusal) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if calls, writes := w.cloud.Methods("cpi"), w.documents.written(); len(calls)+len(writes) > 0 {
		t.Errorf("it called %v and wrote %v", calls, writes)
	}
}

// The image of the VM is the one that the stemcell names, whatever the state says.
func TestCreate_takesNoImageForALightStemcellFromTheState(t *testing.T) {
	t.Parallel()
	for name, theirs := range map[string]string{"light": "ami-0bad0bad0bad0bad0 light", "regular": "ami-0bad0bad0bad0bad0"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newQuickWorld(t, cpi.Options{})
			m := manifest{disk: 1024, stemcell: "light-1"}
			w.create(m)
			w.stemcellIs(theirs)
			w.forget()
			m.property = "changed"
			w.create(m)
			if vms := w.cloud.VMs(); len(vms) != 1 || vms[0].Stemcell != tarball.LightImage("1")+" light" {
				t.Errorf("the VMs are %+v", vms)
			}
			if state := w.documents.body(ledger.StateDocument); strings.Contains(state, theirs) || !w.notified("which that stemcell does not list") {
				t.Errorf("it says %q, and keeps %s", w.lines, state)
			}
			if calls := w.cloud.Methods("cpi"); slices.Contains(calls, "delete_stemcell") {
				t.Errorf("it calls %v", calls)
			}
		})
	}
}

// stemcellIs gives the stemcell of the state another image, which is there.
func (w *world) stemcellIs(cid string) {
	w.t.Helper()
	w.cloud.Plant(cpi.Stemcell{CID: cid, Owner: "999999999999"})
	w.rewrite(func(st *biconfig.DeploymentState) {
		for i := range st.Stemcells {
			st.Stemcells[i].CID = cid
		}
	})
	// The journal would bring back what the last run has uploaded.
	if err := w.documents.Put(w.t.Context(), ledger.JournalDocument, []byte(`{"calls": []}`)); err != nil {
		w.t.Fatal(err)
	}
}

// One that the stemcell names is used as it is.
func TestCreate_keepsTheLightImageThatTheStemcellNames(t *testing.T) {
	t.Parallel()
	w := newQuickWorld(t, cpi.Options{})
	m := manifest{disk: 1024, stemcell: "light-1"}
	w.create(m)
	w.forget()
	m.property = "changed"
	w.create(m)
	if vms := w.cloud.VMs(); len(vms) != 1 || vms[0].Stemcell != tarball.LightImage("1")+" light" || slices.Contains(w.cloud.Methods("cpi"), "create_stemcell") {
		t.Errorf("the VMs are %+v, after %v", vms, w.cloud.Methods("cpi"))
	}
}

// The image of a regular stemcell, which names none, is one that the look has found: of
// one that appears later nobody has asked whose it is.
func TestCreate_usesNoRegularImageThatWasNotFound(t *testing.T) {
	t.Parallel()
	const theirs = "ami-0bad0bad0bad0bad0"
	for name, there := range map[string]bool{"found": true, "not found": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newQuickWorld(t, cpi.Options{})
			w.create(disk1)
			w.stemcellIs(theirs)
			w.forget()
			changed := disk1
			changed.property = "changed"
			r := w.request(changed)
			r.Inspect = func(_ context.Context, list []ledger.Thing) (gone []ledger.Thing, err error) {
				if image := (ledger.Thing{Kind: ledger.Stemcell, CID: theirs}); !there && slices.Contains(list, image) {
					gone = append(gone, image)
				}
				return gone, nil
			}
			if _, err := w.environment().Create(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			vms, calls := w.cloud.VMs(), w.cloud.Methods("cpi")
			if len(vms) != 1 || (vms[0].Stemcell == theirs) != there || slices.Contains(calls, "create_stemcell") == there {
				t.Errorf("the VMs are %+v, after %v", vms, calls)
			}
			if state := w.documents.body(ledger.StateDocument); strings.Contains(state, theirs) != there || w.notified("was not found") == there {
				t.Errorf("it says %q, and keeps %s", w.lines, state)
			}
		})
	}
}
