package ledger

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	biconfig "github.com/cloudfoundry/bosh-cli/v7/config"
)

const wholeState = `{
  "director_id": "5a1f4b9e-2f0c-4a53-6b1c-1d2e3f4a5b6c", "installation_id": "6b1c", "current_vm_cid": "i-0123456789abcdef0",
  "current_stemcell_id": "s1", "current_disk_id": "d1", "current_release_ids": ["r1"], "current_manifest_sha": "ab12",
  "disks": [{"id": "d1", "cid": "vol-0123456789abcdef0", "size": 65536, "cloud_properties": {"type": "gp3"}}],
  "stemcells": [{"id": "s1", "name": "bosh-aws", "version": "1.1", "api_version": 3, "cid": "ami-0123456789abcdef0 light"}],
  "releases": [{"id": "r1", "name": "bosh", "version": "283.1.6"}]
}`

const wholeJournal = `{
  "host": "ci", "workspace": "6b1c", "calls": [
    {"number": 1, "method": "create_vm", "cids": ["ami-1 light"], "agent_id": "a1", "at": "2026-11-29T12:00:00Z", "outcome": "answered", "cid": "i-1", "call_file": "1-create_vm"},
    {"number": 2, "method": "delete_disk", "cids": ["vol-1"], "at": "2026-11-29T12:00:00Z", "outcome": "lost", "call_file": "2-delete_disk"}
  ]
}`

// texts calls do for each text in a JSON value, which it may change.
func texts(path string, value any, set func(any), do func(path, was string, set func(any))) {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			texts(path+"."+key, inner, func(n any) { v[key] = n }, do)
		}
	case []any:
		for i, inner := range v {
			texts(path, inner, func(n any) { v[i] = n }, do)
		}
	case string:
		do(path, v, set)
	}
}

// Every text of the documents that is sent to the CPI or names a file is refused when it
// is no id. The others are compared, or shown to people, and no more.
func TestDocuments_takeNoTextThatIsNoID(t *testing.T) {
	shown := map[string]bool{
		"state.current_manifest_sha": true, "state.stemcells.name": true, "state.stemcells.version": true, "state.releases.name": true, "state.releases.version": true,
		"state.disks.cloud_properties.type": true, // compared with the wanted ones
		"journal.host":                      true, "journal.workspace": true, "journal.calls.method": true, "journal.calls.agent_id": true, "journal.calls.outcome": true,
		"journal.calls.cids": true, // those of deletions are refused, below
		"journal.calls.at":   true, // refused as no time
	}
	for _, canary := range []string{"https://canary.example.com/cpi.tgz", "../../canary", "/etc/canary", "a b", "x;canary", "-canary"} {
		for name, text := range map[string]string{"state": wholeState, "journal": wholeJournal} {
			decode := func(body []byte) error {
				if name == "state" {
					_, err := decodeState(body)
					return err
				}
				_, err := decodeJournal(body)
				return err
			}
			if err := decode([]byte(text)); err != nil {
				t.Fatal(err)
			}
			var whole any
			if err := json.Unmarshal([]byte(text), &whole); err != nil {
				t.Fatal(err)
			}
			texts(name, whole, nil, func(path, was string, set func(any)) {
				set(canary)
				body, err := json.Marshal(whole)
				set(was)
				if err == nil {
					err = decode(body)
				}
				switch {
				case shown[path]:
				case err == nil:
					t.Errorf("%s: %q is taken", path, canary)
				case !errors.Is(err, ErrState) || strings.Contains(err.Error(), "\n"):
					t.Errorf("%s: %q: %v", path, canary, err)
				}
			})
		}
		deletion := strings.Replace(wholeJournal, `"vol-1"`, `"`+canary+`"`, 1)
		if _, err := decodeJournal([]byte(deletion)); !errors.Is(err, ErrState) {
			t.Errorf("a deletion of %q gives %v", canary, err)
		}
	}
}

// The cids of VMs and disks are those that are looked up: none is taken for a light
// stemcell's, and none is spelled as the cloud does not spell it.
func TestDocuments_takeNoCIDOfAnotherForm(t *testing.T) {
	for _, suffix := range []string{" light", "A"} {
		for name, text := range map[string]string{"state": wholeState, "journal": wholeJournal} {
			for _, cid := range []string{"i-0123456789abcdef0", "vol-0123456789abcdef0", "i-1", "vol-1"} {
				changed := strings.Replace(text, `"`+cid+`"`, `"`+cid+suffix+`"`, 1)
				if changed == text {
					continue
				}
				_, err := decodeState([]byte(changed))
				if name == "journal" {
					_, err = decodeJournal([]byte(changed))
				}
				if !errors.Is(err, ErrState) {
					t.Errorf("%s: %q gives %v", name, cid+suffix, err)
				}
			}
		}
	}
	if _, err := decodeState([]byte(strings.Replace(wholeState, "ami-0123456789abcdef0 light", "AMI-0123456789ABCDEF0", 1))); !errors.Is(err, ErrState) {
		t.Errorf("a stemcell in capitals gives %v", err)
	}
	for cid, want := range map[string]int{"x-1": 3, "x-1 light": 2} { // the stemcell is left out
		st := biconfig.DeploymentState{CurrentVMCID: cid, Disks: []biconfig.DiskRecord{{CID: cid}}, Stemcells: []biconfig.StemcellRecord{{CID: cid}}}
		if found := ThingsOf(st, nil); len(found) != want {
			t.Errorf("%q: the things are %v", cid, found)
		}
	}
}
