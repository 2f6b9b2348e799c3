package installer_test

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/aws/policy"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/document"
	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
	"github.com/perpetual-ci/perpetual/pkg/seal"
)

// firstSet is what is published at first.
var firstSet = world.Set{Concourse: "8.2.4", BPM: "1.4.33", Stemcell: "1.1340", Perpetual: "1.2.0"}

// bucket is that of the state.
const bucket = "perpetual-ci-123456789012-eu-central-1"

// place is a site with a directory from which the program is run.
type place struct {
	*site.Site
	dir      string
	program  string
	unlocked bool // whether a lease was broken already
}

// newPlace starts a site in which a set is published and nothing is installed.
func newPlace(t *testing.T, o site.Options, extra map[string]any) *place {
	t.Helper()
	if o.Scale == 0 {
		o.Scale = 0.001
	}
	if o.InstallerPolicies == nil {
		for _, text := range policy.Installer(policy.Scope{}) {
			o.InstallerPolicies = append(o.InstallerPolicies, string(text))
		}
		o.Boundary = string(policy.Boundary(policy.Scope{}))
	}
	s, err := site.Start(t.Context(), t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Err(); err != nil {
			t.Errorf("the simulators: %v", err)
		}
		_ = s.Close()
	})
	s.Publish(firstSet)
	p := &place{Site: s, dir: t.TempDir(), program: binary}
	if err := s.WriteFiles(p.dir, extra); err != nil {
		t.Fatal(err)
	}
	return p
}

// run runs the program in the site.
func (p *place) run(t *testing.T, args ...string) process {
	t.Helper()
	return runProgram(t, p.program, p.dir, p.env(), "", args...)
}

// env is the environment of a process in the site.
func (p *place) env(more ...string) []string {
	env := more
	for _, key := range slices.Sorted(maps.Keys(p.Env())) {
		env = append(env, key+"="+p.Env()[key])
	}
	return env
}

// good wants exit code 0.
func (p *place) good(t *testing.T, args ...string) process {
	t.Helper()
	q := p.run(t, args...)
	if q.code != 0 {
		t.Fatalf("perpetual %v: exit code %d\n%s", args, q.code, q.stderr)
	}
	return q
}

// nothingToDo are the outcomes of a run that changes nothing.
var nothingToDo = []string{"up to date", "skipped"}

// finds runs deploy again, and wants each step to end as one of the outcomes.
func (p *place) finds(t *testing.T, outcomes []string) {
	t.Helper()
	q := p.good(t, "deploy", "--output", "json")
	var result struct {
		Changed bool
		Steps   []struct{ Step, Status, Report string }
	}
	if err := json.Unmarshal([]byte(q.stdout), &result); err != nil {
		t.Fatalf("%v: %s", err, q.stdout)
	}
	if result.Changed || len(result.Steps) == 0 {
		t.Errorf("changed is %t, with %d steps", result.Changed, len(result.Steps))
	}
	for _, s := range result.Steps {
		if !slices.Contains(outcomes, s.Status) {
			t.Errorf("step %s ends as %q: %s", s.Step, s.Status, s.Report)
		}
	}
}

// document is what is in one of the operator's documents in the bucket.
func (p *place) document(t *testing.T, name string) string {
	t.Helper()
	e, err := seal.Peek([]byte(p.AWS.Object(bucket, name)))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	key, err := seal.ReadIdentity(filepath.Join(p.dir, site.Name+".operator-key"))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := key.Decrypt(e.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

// everything is what there is in the site; addresses and ids are in it as they are.
type everything struct {
	VMs, Disks, Stemcells int
	Stack                 string
	Effects               []string // of the director
	Writes                map[string]int
	Pipelines             int
	Parameters            []string
	Documents             map[string]string // of the state, without leases
}

func (p *place) everything() everything {
	e := everything{VMs: len(p.IaaS.VMs()), Disks: len(p.IaaS.Disks()), Stemcells: len(p.IaaS.Stemcells()), Writes: p.AWS.WritesBy()}
	delete(e.Writes, "objects") // with the leases; documents has the others
	for name, stack := range p.Stacks.State().Stacks {
		e.Stack += name + " " + stack.Status
	}
	if p.Director != nil {
		for _, effect := range p.Director.Effects() {
			e.Effects = append(e.Effects, effect.Kind+" "+effect.Name)
		}
	}
	if p.Concourse != nil {
		e.Pipelines = len(p.Concourse.Events())
		if _, there := p.Concourse.PipelineConfig(world.OwnTeam, "self-upgrade"); !there {
			e.Pipelines = 0
		}
	}
	e.Documents = map[string]string{}
	for _, name := range append(document.Names(), ledger.StateDocument, ledger.JournalDocument, ledger.ManifestDocument) {
		e.Documents[name] = p.AWS.Object(bucket, name)
	}
	e.Parameters = slices.Sorted(maps.Keys(p.AWS.Parameters()))
	return e
}

func TestDeploy_installsFromNothingAndDestroyLeavesNothing(t *testing.T) {
	t.Parallel()
	p := newPlace(t, site.Options{}, nil)
	var err error
	if p.program, err = shippedBinary(); err != nil {
		t.Fatal(err)
	}
	q := p.good(t, "deploy")
	t.Log(q.stderr + q.stdout)
	if !strings.Contains(q.stdout, p.WebURL()) {
		t.Errorf("stdout does not name %s:\n%s", p.WebURL(), q.stdout)
	}
	before := p.everything()
	if before.VMs != 1 || before.Disks != 1 || before.Stemcells != 1 || before.Stack != "perpetual-ci UPDATE_COMPLETE" || before.Pipelines == 0 {
		t.Errorf("after the install there is %+v", before)
	}

	// A spot worker costs at most what an instance on demand costs.
	if text, err := p.CloudConfig(); err != nil || !strings.Contains(text, "spot_bid_price: 0.") {
		t.Errorf("the cloud config has no spot workers (%v):\n%s", err, text)
	}

	p.finds(t, nothingToDo)
	after := p.everything()
	after.Pipelines = before.Pipelines // logins are events, too
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the second run wrote something (-before +after):\n%s", diff)
	}
	if q := p.run(t, "plan"); q.code != 0 {
		t.Errorf("plan: exit code %d\n%s%s", q.code, q.stdout, q.stderr)
	}

	q = p.good(t, "destroy", "--yes-destroy", site.Name)
	t.Log(q.stderr + q.stdout)
	gone := p.everything()
	if gone.VMs+gone.Disks+gone.Stemcells != 0 || gone.Stack != "" || len(gone.Parameters) != 0 {
		t.Errorf("after destroy there is %+v", gone)
	}
}
