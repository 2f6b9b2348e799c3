package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"time"

	biconfig "github.com/cloudfoundry/bosh-cli/v7/config"
	"github.com/google/go-cmp/cmp"
)

// numbers are ids that a test can name.
type numbers int

func (n *numbers) Generate() (string, error) {
	*n++
	return fmt.Sprintf("id-%d", *n), nil
}

// reconciliations are journals, and what they make of a state with one VM, disk and stemcell.
var reconciliations = map[string]struct {
	calls []Call
	want  func(*biconfig.DeploymentState)
	found Finding
}{
	"nothing new": {
		calls: []Call{{Method: "create_vm", Outcome: Answered, CID: "i-1"}, {Method: "attach_disk", CIDs: []string{"i-1", "vol-1"}, Outcome: Answered}},
	},
	"a VM": {
		calls: []Call{{Method: "delete_vm", CIDs: []string{"i-1"}, Outcome: Answered}, {Method: "create_vm", Outcome: Answered, CID: "i-2"}},
		want:  func(s *biconfig.DeploymentState) { s.CurrentVMCID = "i-2" },
		found: Finding{Changed: true, Said: []string{"vm i-2, made by a run that did not live to record it, is now in the state"}},
	},
	"a disk, which is not the current one": {
		calls: []Call{{Method: "create_disk", Outcome: Answered, CID: "vol-2", Size: 2048}},
		want: func(s *biconfig.DeploymentState) {
			s.Disks = append(s.Disks, biconfig.DiskRecord{ID: "id-1", CID: "vol-2", Size: 2048})
		},
		found: Finding{Changed: true, Said: []string{"disk vol-2, made by a run that did not live to record it, is now in the state"}},
	},
	"a stemcell": {
		calls: []Call{{Method: "create_stemcell", Outcome: Answered, CID: "ami-2", Stemcell: &stemcell{"noble", "2", 3}}},
		want: func(s *biconfig.DeploymentState) {
			s.Stemcells = append(s.Stemcells, biconfig.StemcellRecord{ID: "id-1", CID: "ami-2", Name: "noble", Version: "2", ApiVersion: 3})
		},
		found: Finding{Changed: true, Said: []string{"stemcell ami-2, made by a run that did not live to record it, is now in the state"}},
	},
	"made and deleted": {
		calls: []Call{{Method: "create_disk", Outcome: Answered, CID: "vol-2"}, {Method: "delete_disk", CIDs: []string{"vol-2"}, Outcome: Answered}},
	},
	"deleted, and not found": {
		calls: []Call{
			{Method: "delete_disk", CIDs: []string{"vol-1"}, Outcome: Answered},
			{Method: "delete_stemcell", CIDs: []string{"ami-1"}, Outcome: Refused, Error: "Bosh::Clouds::StemcellNotFound"},
		},
		want: func(s *biconfig.DeploymentState) {
			s.Disks, s.Stemcells, s.CurrentDiskID, s.CurrentStemcellID = nil, nil, "", ""
		},
		found: Finding{Changed: true},
	},
	"refused, or of no effect": {
		calls: []Call{
			{Method: "create_vm", Outcome: Refused, Error: "Bosh::Clouds::CloudError"}, {Method: "create_disk", Outcome: Lost},
			{Method: "delete_vm", CIDs: []string{"i-1"}, Outcome: Refused, Error: "Bosh::Clouds::CloudError"},
		},
	},
	"deleted or not": {
		calls: []Call{{Method: "delete_disk", CIDs: []string{"vol-1"}, Outcome: Lost}, {Method: "delete_vm", CIDs: []string{"i-1"}, Outcome: Lost}},
		found: Finding{Doubted: []Thing{{Disk, "vol-1"}, {VM, "i-1"}}},
	},
}

// What was made and not recorded goes into the state, what was deleted goes out of it,
// and what may have been deleted is named.
func TestReconcile_believesTheCPIsAnswers(t *testing.T) {
	before := biconfig.DeploymentState{
		DirectorID: "d", CurrentVMCID: "i-1", CurrentDiskID: "k", CurrentStemcellID: "s",
		Disks:     []biconfig.DiskRecord{{ID: "k", CID: "vol-1", Size: 1024}},
		Stemcells: []biconfig.StemcellRecord{{ID: "s", CID: "ami-1", Name: "noble", Version: "1"}},
	}
	for name, test := range reconciliations {
		t.Run(name, func(t *testing.T) {
			got, err := clone(before)
			if err != nil {
				t.Fatal(err)
			}
			want, err := clone(before)
			if err != nil {
				t.Fatal(err)
			}
			if test.want != nil {
				test.want(&want)
			}
			found, err := Reconcile(Journal{Calls: test.calls}, &got, new(numbers))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(test.found, found); d != "" {
				t.Errorf("finding (-want +got):\n%s", d)
			}
			if d := cmp.Diff(fmt.Sprintf("%+v", want), fmt.Sprintf("%+v", got)); d != "" {
				t.Errorf("state (-want +got):\n%s", d)
			}
		})
	}
}

// An entry of the journal holds what finds a thing again, and nothing that may be secret.
func TestNewCall_leavesSecretsOut(t *testing.T) {
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	read := func(path string) ([]byte, error) {
		if path != "/tmp/stemcell/stemcell.MF" {
			return nil, fs.ErrNotExist
		}
		return []byte("name: noble\nversion: '1.1'\napi_version: 3\n"), nil
	}
	for request, want := range map[string]Call{
		`{"method": "create_vm", "arguments": ["agent", "ami-1", {"key": "canary"}, {}, ["vol-1"], {"bosh": "canary"}]}`: {
			Method: "create_vm", AgentID: "agent", CIDs: []string{"ami-1", "vol-1"},
		},
		`{"method": "create_disk", "arguments": [1024, {"key": "canary"}, "i-1"]}`: {Method: "create_disk", Size: 1024, CIDs: []string{"i-1"}},
		`{"method": "create_stemcell", "arguments": ["/tmp/stemcell/image", {"key": "canary"}]}`: {
			Method: "create_stemcell", Stemcell: &stemcell{"noble", "1.1", 3},
		},
		`{"method": "attach_disk", "arguments": ["i-1", "vol-1"], "context": {"key": "canary"}}`: {Method: "attach_disk", CIDs: []string{"i-1", "vol-1"}},
		`{"method": "delete_vm", "arguments": ["i-1"]}`:                                          {Method: "delete_vm", CIDs: []string{"i-1"}},
		`{"method": "create_vm", "arguments": []}`:                                               {Method: "create_vm", CIDs: []string{""}},
	} {
		want.At, want.Outcome = at, Intended
		got, err := NewCall([]byte(request), at, read)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: error %v (-want +got):\n%s", request, err, d)
		}
	}
	if _, err := NewCall([]byte("{"), at, read); err == nil {
		t.Error("half a request is taken")
	}
}

// What a CPI answers is an answer, a refusal, or nothing.
func TestSettle_readsTheAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		method, answer string
		want           Call
	}{
		"a cid":                 {"create_disk", `{"result": "vol-1"}`, Call{Outcome: Answered, CID: "vol-1"}},
		"a cid and networks":    {"create_vm", `{"result": ["i-1", {}]}`, Call{Outcome: Answered, CID: "i-1"}},
		"no cid":                {"create_vm", `{"result": []}`, Call{Outcome: Lost}},
		"nothing is wanted":     {"attach_disk", `{"result": null}`, Call{Outcome: Answered}},
		"a refusal":             {"create_vm", `{"error": {"type": "Bosh::Clouds::VMNotFound", "message": "canary"}}`, Call{Outcome: Refused, Error: "Bosh::Clouds::VMNotFound"}},
		"half an answer":        {"delete_vm", `{"result": `, Call{Outcome: Lost}},
		"nothing has come back": {"delete_vm", ``, Call{Outcome: Lost}},
	} {
		got := Call{Method: test.method, Outcome: Intended}
		got.Settle([]byte(test.answer))
		test.want.Method = test.method
		if d := cmp.Diff(test.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// After a write that failed nothing else is written, and a run that only looks writes
// nothing.
func TestWriter_writesNothingAfterAFailure(t *testing.T) {
	store := &memory{bodies: map[string][]byte{}, broken: errors.New("no space left")}
	w := NewWriter(t.Context(), store, false)
	for range 2 {
		if err := w.PutJournal(Journal{}); !errors.Is(err, store.broken) {
			t.Errorf("error %v", err)
		}
	}
	if err := w.Remove(StateDocument); !errors.Is(err, store.broken) || store.writes != 1 {
		t.Errorf("error %v after %d writes", err, store.writes)
	}
	dry := NewWriter(t.Context(), store, true)
	if err := errors.Join(dry.PutJournal(Journal{}), dry.Remove(StateDocument)); err != nil || store.writes != 1 {
		t.Errorf("a run that only looks: error %v after %d writes", err, store.writes)
	}
}

// A state is in its document before who saves it goes on, and what has changed nothing is
// not written.
func TestState_isWrittenWhenItChanges(t *testing.T) {
	store := &memory{bodies: map[string][]byte{}}
	s, err := Open(NewWriter(t.Context(), store, false), new(numbers))
	if err != nil || s.Exists() {
		t.Fatalf("error %v, exists %t", err, s.Exists())
	}
	st, err := s.Load()
	if err != nil || st.DirectorID != "id-1" || !s.Exists() {
		t.Fatalf("state %+v, error %v", st, err)
	}
	st.Disks = []biconfig.DiskRecord{{ID: "k", CID: "vol-1"}}
	for range 2 {
		if err := s.Save(st); err != nil {
			t.Fatal(err)
		}
	}
	var kept biconfig.DeploymentState
	if err := json.Unmarshal(store.bodies[StateDocument], &kept); err != nil || len(kept.Disks) != 1 || store.writes != 2 {
		t.Errorf("kept %+v after %d writes, error %v", kept, store.writes, err)
	}
	if err := s.Forget(Thing{Disk, "vol-1"}); err != nil || len(s.Recorded().Disks) != 0 {
		t.Errorf("error %v, state %+v", err, s.Recorded())
	}
	if err := s.Cleanup(); err != nil || s.Exists() || store.bodies[StateDocument] != nil {
		t.Errorf("error %v, document %s", err, store.bodies[StateDocument])
	}
}
