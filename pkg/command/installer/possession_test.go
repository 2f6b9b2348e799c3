package installer_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/cpi"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
)

// named gives create-env's state with other ids.
func (p *place) named(t *testing.T, change func(st map[string]any)) string {
	t.Helper()
	var st map[string]any
	if err := json.Unmarshal([]byte(p.AWS.Object(bucket, ledger.StateDocument)), &st); err != nil {
		t.Fatal(err)
	}
	change(st)
	body, err := json.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// disk is a disk of create-env's state.
func disk(cid string) any { return map[string]any{"id": "d-" + cid, "cid": cid, "size": 1024} }

// The holder of the pipeline's role writes ids of somebody else's things into
// create-env's state: the operator's keys do nothing with them, and the operator is told.
func TestPossessions_ofOthersInTheAccountAreNotTouched(t *testing.T) {
	t.Parallel()
	p := newPlace(t, site.Options{InstallerPolicies: []string{}}, nil) // an administrator, whom IAM keeps from nothing
	p.good(t, "deploy")
	p.IaaS.Plant(
		cpi.VM{CID: "vm-901", Tags: map[string]string{"Name": "shop"}},
		cpi.VM{CID: "vm-902", Tags: map[string]string{"perpetual:name": "prod", "director": "bosh-init"}},
		cpi.Disk{CID: "disk-903", Encrypted: true, Tags: map[string]string{"perpetual:name": site.Name, "director": "perpetual-" + site.Name, "deployment": "concourse"}},
		cpi.Disk{CID: "disk-904", Encrypted: true, Snapshot: "snap-1", Tags: map[string]string{"Name": "ledger"}},
		cpi.Stemcell{CID: "ami-905", Owner: "999999999999"},
	)
	was, journal, pipeline := p.AWS.Object(bucket, ledger.StateDocument), p.AWS.Object(bucket, ledger.JournalDocument), p.asPipeline(t)
	before := p.everything()
	for name, of := range map[string]struct {
		change func(map[string]any)
		says   []string
	}{
		"an instance":            {func(st map[string]any) { st["current_vm_cid"] = "vm-901" }, []string{`instance vm-901`, `has no tag perpetual:name (its Name is "shop")`}},
		"an instance of another": {func(st map[string]any) { st["current_vm_cid"] = "vm-902" }, []string{`instance vm-902`, `its tag perpetual:name is "prod"`}},
		"a disk of Concourse":    {func(st map[string]any) { st["disks"] = append(st["disks"].([]any), disk("disk-903")) }, []string{"volume disk-903", `created by the director, for deployment "concourse"`}},
		"a volume":               {func(st map[string]any) { st["disks"] = append(st["disks"].([]any), disk("disk-904")) }, []string{"volume disk-904", `(its Name is "ledger")`, "--accept-stored"}},
		"an image":               {func(st map[string]any) { st["stemcells"].([]any)[0].(map[string]any)["cid"] = "ami-905" }, []string{"image ami-905 as the director's", "is of account 999999999999"}},
	} {
		if err := overwrite(t, pipeline, ledger.StateDocument, p.named(t, of.change)); err != nil {
			t.Fatal(err)
		}
		// What the last run has made would come back from its journal.
		if err := overwrite(t, pipeline, ledger.JournalDocument, `{"calls": []}`); err != nil {
			t.Fatal(err)
		}
		p.IaaS.Forget()
		for _, verb := range [][]string{{"plan"}, {"deploy"}, {"destroy", "--yes-destroy", site.Name}} {
			q := p.run(t, verb...)
			if q.code != 1 || q.stdout != "" {
				t.Errorf("%s: %s: code %d, stdout %s", name, verb[0], q.code, q.stdout)
			}
			lines := strings.Split(strings.TrimSpace(q.stderr), "\n")
			for _, part := range append(of.says, ledger.StateDocument, "nothing was changed", "find out who may write the bucket "+bucket) {
				if !strings.Contains(lines[len(lines)-1], part) {
					t.Errorf("%s: %s: the last line lacks %q:\n%s", name, verb[0], part, q.stderr)
				}
			}
		}
		if calls := p.IaaS.Methods("cpi"); len(calls) > 0 {
			t.Errorf("%s: the CPI was asked for %v", name, calls)
		}
		p.AWS.PutObject(bucket, ledger.StateDocument, was)
		p.AWS.PutObject(bucket, ledger.JournalDocument, journal)
	}
	if diff := cmp.Diff(before, p.everything()); diff != "" {
		t.Errorf("something was written (-before +after):\n%s", diff)
	}
	p.finds(t, nothingToDo)
	p.goneAndUntagged(t)
}

// goneAndUntagged does with the state what happens without anybody's ill will: ids of
// what is gone, and a disk that nobody has tagged.
func (p *place) goneAndUntagged(t *testing.T) {
	t.Helper()
	for _, planted := range []string{"vm-901", "vm-902"} {
		p.IaaS.Remove(planted)
	}
	vm, volume := p.IaaS.VMs()[0], p.IaaS.Disks()[0].CID
	for _, v := range p.IaaS.VMs() {
		if len(v.Disks) > 0 {
			vm, volume = v, v.Disks[0]
		}
	}
	p.IaaS.Remove(vm.CID)
	// An image that EC2 shows to nobody but its owner, for now.
	p.IaaS.Plant(cpi.Stemcell{CID: "sc-990"})
	p.AWS.PutObject(bucket, ledger.StateDocument, p.named(t, func(st map[string]any) { st["stemcells"].([]any)[0].(map[string]any)["cid"] = "sc-990" }))
	p.IaaS.Plant(cpi.Disk{CID: volume, Size: 65536, Tags: map[string]string{}})
	if q := p.run(t, "deploy"); q.code != 1 || !strings.Contains(q.stderr, "volume "+volume+" is not encrypted") || !strings.Contains(q.stderr, "--accept-stored") {
		t.Errorf("code %d\n%s", q.code, q.stderr)
	}
	q := p.good(t, "deploy", "--accept-stored")
	if !strings.Contains(q.stderr, "VM "+vm.CID+" is gone: it is created again") || !strings.Contains(q.stderr, "taken from the state: volume "+volume) {
		t.Errorf("it says\n%s", q.stderr)
	}
	p.finds(t, nothingToDo) // without the flag
	if slices.ContainsFunc(p.IaaS.VMs(), func(v cpi.VM) bool { return v.CID == vm.CID || v.Stemcell == "sc-990" }) {
		t.Errorf("VM %s is back, or one is made from somebody's image: %+v", vm.CID, p.IaaS.VMs())
	}
}
