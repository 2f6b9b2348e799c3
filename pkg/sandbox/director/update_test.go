package director_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

func TestDeploy_updatesTheCanaryFirstAndTheOthersAfterIt(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seen []director.Update
	w := seeded(t, director.Options{UpdateInstance: func(_ context.Context, u director.Update) error {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, u)
		return nil
	}})
	w.deployed(manifestOf("dep1", 3, "hello"), "")
	seen = nil
	id := w.deployed(strings.Replace(manifestOf("dep1", 3, "hello"), `version: "1"`, `version: "2"`, 1), "")
	if len(seen) != 3 || !seen[0].Canary || seen[1].Canary || seen[2].Canary || seen[0].Index != 0 {
		t.Fatalf("updates %+v, want a canary and two others", seen)
	}
	for _, u := range seen {
		same(t, "release", u.Releases["tinyrel"], "2")
		same(t, "task", u.Task, id)
	}
	for _, i := range w.Instances("dep1") {
		same(t, "release of "+i.ID, i.Releases["tinyrel"], "2")
	}
	canaries := 0
	for _, l := range w.lines(id) {
		if strings.HasSuffix(l.Task, "(canary)") && l.State == "finished" {
			canaries++
		}
	}
	same(t, "canaries", canaries, 1)
	same(t, "VMs made", w.Count(director.EffectVM, ""), 3)
}

func TestDeploy_ofNothingNewHasOnlyStagesThatPrepare(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{})
	w.deployed(manifestOf("dep1", 2, "hello"), "")
	id := w.deployed(manifestOf("dep1", 2, "hello"), "")
	sameList(t, "stages", w.stages(id), "Preparing deployment", "Preparing package compilation")
	sameList(t, "updated", w.updated(id))
}

func TestDeploy_withRecreateReplacesEveryVMAndKeepsTheInstances(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{})
	w.deployed(manifestOf("dep1", 2, "hello"), "")
	before := w.Instances("dep1")
	id := w.deployed(manifestOf("dep1", 2, "hello"), "recreate=true")
	for n, after := range w.Instances("dep1") {
		same(t, "id", after.ID, before[n].ID)
		if after.VM == before[n].VM || after.VM == "" {
			t.Errorf("VM of %d: %q, want another than %q", n, after.VM, before[n].VM)
		}
	}
	same(t, "updated", len(w.updated(id)), 2)
}

func TestDeploy_dryRunChangesNothing(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{})
	w.deployed(manifestOf("dep1", 1, "hello"), "")
	before := w.do("GET", "/deployments/dep1", "").body
	id := w.deployed(manifestOf("dep1", 3, "changed"), "dry_run=true")
	same(t, "description", w.see(id).Description, "create deployment (dry run)")
	sameList(t, "updated", w.updated(id))
	same(t, "manifest", w.do("GET", "/deployments/dep1", "").body, before)
	same(t, "instances", len(w.Instances("dep1")), 1)
}

func TestDeploy_ofASmallerGroupDeletesTheInstancesTooMany(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{})
	w.deployed(manifestOf("dep1", 3, "hello"), "")
	id := w.deployed(manifestOf("dep1", 1, "hello"), "")
	same(t, "instances", len(w.Instances("dep1")), 1)
	if !slices.Contains(w.stages(id), "Deleting unneeded instances") {
		t.Errorf("stages %q", w.stages(id))
	}
}

func TestDeploy_stopsAtACanaryThatFailsAndNamesIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, said string
		code       int
		message    func(label string) string
	}{
		{"its jobs do not come up", "", 400007, func(label string) string {
			return "'" + label + "' is not running after update. Review logs for failed jobs: web"
		}},
		{"its pre-start fails", "Action Failed: 1 of 1 pre-start scripts failed.", 450001, func(string) string {
			return "Action Failed: 1 of 1 pre-start scripts failed."
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := seeded(t, director.Options{})
			w.deployed(manifestOf("dep1", 3, "hello"), "")
			w.FailInstance("web", 0, c.said, 1)
			id := w.deploy(manifestOf("dep1", 3, "changed"), "")
			w.ends(id, director.StateError)
			label := "web/" + w.Instances("dep1")[0].ID + " (0)"
			code, message := w.failure(id)
			same(t, "code", code, c.code)
			same(t, "message", message, c.message(label))
			sameList(t, "updated", w.updated(id))
			for _, l := range w.lines(id) {
				if l.Stage == "Updating instance" {
					same(t, "instance", l.Task, label+" (canary)")
				}
			}
			same(t, "running", w.Instances("dep1")[1].Running, true)
			same(t, "locks left", len(w.Locks()), 0)
			again := w.deployed(manifestOf("dep1", 3, "changed"), "") // the fault was for once
			same(t, "updated by the next", len(w.updated(again)), 3)
		})
	}
}

// manifestAsked is what GET /deployments/NAME shows, nil for null.
func manifestAsked(w *world, name string) *string {
	w.t.Helper()
	return decoded[struct{ Manifest *string }](w, w.do("GET", "/deployments/"+name, "")).Manifest
}

func TestDeploy_thatFailsFirstLeavesTheDeploymentWithoutAManifest(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{})
	w.FailInstance("web", 0, "no", 1)
	w.ends(w.deploy(manifestOf("dep1", 1, "hello"), ""), director.StateError)
	if m := manifestAsked(w, "dep1"); m != nil {
		t.Errorf("manifest %q, want null", *m)
	}
	same(t, "release held", w.Deployments()[0].Releases["tinyrel"], "1")
	same(t, "stemcell held", w.Deployments()[0].Stemcells["tiny-stemcell"], "1.2")
	same(t, "instances", len(w.Instances("dep1")), 1)
	w.deployed(manifestOf("dep1", 1, "hello"), "")
	same(t, "running", w.Instances("dep1")[0].Running, true)
}

func TestDeploy_thatFailsLaterKeepsTheManifestThatWasThere(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{})
	first := manifestOf("dep1", 1, "hello")
	w.deployed(first, "")
	w.FailInstance("web", 0, "no", 1)
	next := strings.Replace(first, `version: "1"`, `version: "2"`, 1)
	w.ends(w.deploy(next, ""), director.StateError)
	if m := manifestAsked(w, "dep1"); m == nil || *m != first {
		t.Errorf("manifest %v, want the first", m)
	}
	w.deployed(next, "")
	if m := manifestAsked(w, "dep1"); m == nil || *m != next {
		t.Errorf("manifest %v, want the next", m)
	}
}

func TestDeploy_beginsNoFurtherInstanceAfterOneThatFailed(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{})
	w.deployed(manifestOf("dep1", 4, "hello"), "")
	w.FailInstance("web", 1, "no", -1)
	id := w.deploy(manifestOf("dep1", 4, "changed"), "max_in_flight=1")
	w.ends(id, director.StateError)
	sameList(t, "updated", w.updated(id), "dep1/web/0")
	w.ends(w.deploy(manifestOf("dep1", 4, "changed"), "max_in_flight=1"), director.StateError) // it fails forever
	w.Repair()
	id = w.deployed(manifestOf("dep1", 4, "changed"), "")
	same(t, "updated after the repair", len(w.updated(id)), 3)
}

func TestDeploy_takesTheHighestVersionForLatest(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{})
	if err := w.Seed(director.Seed{Releases: []director.SeedRelease{
		{Name: "tinyrel", Version: "9.9"}, {Name: "tinyrel", Version: "9.10-rc.1"}, {Name: "tinyrel", Version: "9.10"}, {Name: "tinyrel", Version: "9.10-rc.2"},
	}}); err != nil {
		t.Fatal(err)
	}
	w.deployed(strings.Replace(manifestOf("dep1", 1, "hello"), `version: "1"`, "version: latest", 1), "")
	same(t, "release", w.Instances("dep1")[0].Releases["tinyrel"], "9.10")
}

func TestDeploy_bringsARuntimeConfigsAddonToEveryInstance(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{})
	w.deployed(manifestOf("dep1", 2, "hello"), "")
	r := w.do("POST", "/runtime_configs?name=", "releases: [{name: dns, version: \"1\"}]\naddons: [{name: dns, jobs: [{name: dns, release: dns}]}]\n", "Content-Type", "text/yaml")
	same(t, "status", r.status, 201)
	if err := w.Seed(director.Seed{Releases: []director.SeedRelease{{Name: "dns", Version: "1"}}}); err != nil {
		t.Fatal(err)
	}
	id := w.deployed(manifestOf("dep1", 2, "hello"), "")
	same(t, "updated", len(w.updated(id)), 2)
	same(t, "release", w.Instances("dep1")[0].Releases["dns"], "1")
}

func TestDeploy_takesOneZoneAfterTheOther(t *testing.T) {
	t.Parallel()
	two := strings.Replace(cloudConfig, "  name: z1\n", "  name: z1\n- cloud_properties: {}\n  name: z2\n", 1)
	two = strings.Replace(two, "  - az: z1\n", "  - azs: [z1, z2]\n", 1)
	spread := func(update, message string) string {
		m := strings.Replace(manifestOf("dep1", 4, message), "azs: [z1]", "azs: [z1, z2]", 1)
		return strings.Replace(m, "  instances: 4", "  update: "+update+"\n  instances: 4", 1)
	}
	for _, c := range []struct {
		update, query string
		atOnce        []int // how many instances are updated at the same time, in turn
	}{
		{"{canaries: 0, max_in_flight: 100%}", "", []int{2, 2}},
		{"{canaries: 1, max_in_flight: 100%}", "", []int{1, 1, 2}},
		{"{canaries: 1, max_in_flight: 1}", "", []int{1, 1, 1, 1}},
		{"{canaries: 50%, max_in_flight: 1%}", "", []int{1, 1, 1, 1}},
		{"{canaries: 1, max_in_flight: 1}", "canaries=0&max_in_flight=100%25", []int{2, 2}}, // the query overrides the group's own
		{"{canaries: 0, max_in_flight: 1, initial_deploy_az_update_strategy: parallel}", "max_in_flight=4", []int{2, 2}},
	} {
		arrived, leave := make(chan string, 10), make(chan struct{})
		w := seeded(t, director.Options{UpdateInstance: func(ctx context.Context, u director.Update) error {
			if strings.Contains(string(u.Manifest), "msg: hello") {
				return nil
			}
			arrived <- u.ID
			select {
			case <-leave:
			case <-ctx.Done():
			}
			return nil
		}})
		r := w.do("POST", "/cloud_configs?name=", two, "Content-Type", "text/yaml")
		same(t, "status", r.status, 201)
		w.deployed(spread(c.update, "hello"), "")
		id := w.deploy(spread(c.update, "other"), c.query)
		for n, batch := range c.atOnce {
			for range batch {
				<-arrived
			}
			// Whoever is there beyond the batch was begun too early.
			select {
			case early := <-arrived:
				t.Errorf("%s %s: in step %d instance %s is updated beside the others", c.update, c.query, n, early)
			default:
			}
			for range batch {
				leave <- struct{}{}
			}
		}
		w.ends(id, director.StateDone)
	}
}

func TestDeploy_takesAllZonesAtOnceWhenItIsTheFirstAndMay(t *testing.T) {
	t.Parallel()
	g := newGate()
	w := seeded(t, director.Options{UpdateInstance: func(ctx context.Context, u director.Update) error { return g.wait(ctx) }})
	two := strings.Replace(cloudConfig, "  name: z1\n", "  name: z1\n- cloud_properties: {}\n  name: z2\n", 1)
	same(t, "status", w.do("POST", "/cloud_configs?name=", two, "Content-Type", "text/yaml").status, 201)
	m := strings.Replace(manifestOf("dep1", 4, "hello"), "azs: [z1]", "azs: [z1, z2]", 1)
	id := w.deploy(strings.Replace(m, "canaries: 1, max_in_flight: 2", "canaries: 0, max_in_flight: 100%, initial_deploy_az_update_strategy: parallel", 1), "")
	for range 4 {
		w.arrived(g)
	}
	g.release()
	w.ends(id, director.StateDone)
}

func TestDeploy_ofGroupsThatAreNotSerialTogether(t *testing.T) {
	t.Parallel()
	g := newGate()
	w := seeded(t, director.Options{UpdateInstance: func(ctx context.Context, u director.Update) error { return g.wait(ctx) }})
	w.upload(gated("1", "exit 0"), "", director.StateDone)
	m := strings.ReplaceAll(twoGroups("1", "hello"), "  instances: 1", "  update: {serial: false}\n  instances: 1")
	id := w.deploy(m, "")
	w.arrived(g)
	w.arrived(g) // the second group, while the first is still held
	g.release()
	w.ends(id, director.StateDone)
}
