package deployment_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/deployment"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/testkit"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// Groups of a manifest, as its author may call them.
const (
	groupDB      = "- {name: db, instances: 1, jobs: [{name: postgres, release: postgres}]}\n"
	groupWeb     = "- {name: ui, instances: 1, azs: [z1], jobs: [{name: bpm, release: bpm}, {name: web, release: concourse}]}\n"
	groupWorker  = "- {name: builders, instances: 3, azs: [z1], jobs: [{name: worker, release: concourse}]}\n"
	groupUAA     = "- {name: uaa, instances: 1, jobs: [{name: uaa, release: uaa}]}\n"
	groupCredHub = "- {name: credhub, instances: 1, jobs: [{name: credhub, release: credhub}]}\n"
	bigUpdate    = "update: {serial: true, canaries: 1, max_in_flight: 1, canary_watch_time: 30000-600000, update_watch_time: 30000-600000}\n"
	releases     = "releases:\n- {name: concourse, version: 8.2.5}\n- {name: bpm, version: 1.4.38}\n"
)

// of groups is a rendered manifest with these groups.
func ofGroups(t testing.TB, update string, groups ...string) template.File {
	t.Helper()
	return renderedText(t, "name: c\n"+releases+update+"instance_groups:\n"+strings.Join(groups, ""))
}

func renderedText(t testing.TB, text string) template.File {
	t.Helper()
	rendered, err := template.Render(template.Template{File: template.File{Name: "concourse.yml", Text: []byte(text)}, Partial: true})
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return template.File{Name: "concourse.yml", Text: rendered}
}

// arranged arranges a manifest and sees that doing so twice changes nothing more.
func arranged(t testing.TB, f template.File, a deployment.Arrangement) (root vars, notes []string) {
	t.Helper()
	text, notes, err := deployment.Arrange(f, a)
	if err != nil {
		t.Fatalf("%v in:\n%s", err, f.Text)
	}
	again, _, err := deployment.Arrange(template.File{Name: f.Name, Text: text}, a)
	if err != nil || string(again) != string(text) {
		t.Errorf("arranged again, error = %v (-once +twice):\n%s", err, cmp.Diff(string(text), string(again)))
	}
	return parsed(t, text).(vars), notes
}

// groupOf is an instance group of a manifest.
func groupOf(t testing.TB, root vars, name string) vars {
	t.Helper()
	for _, item := range root["instance_groups"].([]any) {
		if g := item.(vars); g["name"] == name {
			return g
		}
	}
	t.Fatalf("there is no group %s in %v", name, root)
	return nil
}

func order(root vars) string {
	var list []string
	for _, item := range root["instance_groups"].([]any) {
		list = append(list, fmt.Sprint(item.(vars)["name"]))
	}
	return strings.Join(list, " ")
}

var gate = &deployment.Colocation{Release: "perpetual", Version: "1", Job: "gate"}

func TestArrange_ordersWebAndWorkersWhateverTheyAreCalled(t *testing.T) {
	second := "- {name: ui2, instances: 1, jobs: [{name: web, release: concourse}]}\n"
	tagged := "- {name: gpu, instances: 2, jobs: [{name: worker, release: concourse, properties: {tags: [gpu]}}]}\n"
	named := "- {name: web, instances: 1, jobs: [{name: worker, release: concourse}]}\n"
	foreign := "- {name: worker, instances: 1, jobs: [{name: worker, release: celery}]}\n"
	errand := "- {name: late, instances: 1, lifecycle: errand, jobs: [{name: web, release: concourse}]}\n"
	for _, c := range []struct {
		name         string
		groups       []string
		web, workers string
	}{
		{"as bundled", []string{groupDB, groupWeb, groupWorker}, "db ui builders", "db builders ui"},
		{"workers before web", []string{groupDB, groupWorker, groupWeb}, "db ui builders", "db builders ui"},
		{"others between", []string{groupUAA, groupWorker, groupCredHub, groupWeb}, "uaa credhub ui builders", "uaa builders credhub ui"},
		{"others between, web first", []string{groupUAA, groupWeb, groupCredHub, groupWorker}, "uaa ui credhub builders", "uaa builders ui credhub"},
		{"others behind", []string{groupWorker, groupWeb, groupUAA}, "ui builders uaa", "builders ui uaa"},
		{"two webs, two kinds of workers", []string{groupWeb, tagged, second, groupWorker}, "ui ui2 gpu builders", "gpu builders ui ui2"},
		{"a database between", []string{groupWeb, groupDB, groupWorker}, "db ui builders", "db builders ui"},
		{"a database behind", []string{groupWorker, groupWeb, groupDB}, "db ui builders", "db builders ui"},
		{"called the other way round", []string{groupWeb, named}, "ui web", "web ui"},
		{"a worker of another release", []string{foreign, groupWorker, groupWeb}, "worker ui builders", "worker builders ui"},
		{"an errand is not updated", []string{groupWeb, groupWorker, errand}, "ui builders late", "builders ui late"},
		{"web only", []string{groupUAA, groupWeb}, "uaa ui", "uaa ui"},
		{"workers only", []string{groupWorker, groupUAA}, "builders uaa", "builders uaa"},
		{"neither", []string{groupUAA, groupCredHub}, "uaa credhub", "uaa credhub"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := ofGroups(t, bigUpdate, c.groups...)
			was := order(parsed(t, f.Text).(vars))
			for _, a := range []deployment.Arrangement{{}, {WorkersFirst: true}} {
				want := c.web
				if a.WorkersFirst {
					want = c.workers
				}
				root, notes := arranged(t, f, a)
				if got := order(root); got != want {
					t.Errorf("%+v: order %q, want %q", a, got, want)
				}
				said := slices.ContainsFunc(notes, func(n string) bool {
					return n == "the instance groups are updated in the order "+strings.ReplaceAll(want, " ", ", ")
				})
				if said != (was != want) {
					t.Errorf("%+v: notes %q", a, notes)
				}
				text, _, _ := deployment.Arrange(f, a)
				if was == want && string(text) != string(f.Text) {
					t.Errorf("%+v: the text is another one, though nothing is to be changed", a)
				}
			}
		})
	}
}

func TestArrange_leavesATextThatIsRightByteForByte(t *testing.T) {
	for _, text := range []string{
		"", "name: c\n", "# a comment\nname:    c\ninstance_groups:\n" + groupWeb + "\n\n" + groupWorker,
		"name: c\ninstance_groups: ~\n", "instance_groups: []\nwhen: 2026-08-01\nmode: 0777\n",
	} {
		f := template.File{Name: "m", Text: []byte(text)}
		got, notes, err := deployment.Arrange(f, deployment.Arrangement{})
		if err != nil || string(got) != text || len(notes) > 0 {
			t.Errorf("%q: %q, notes %q, error %v", text, got, notes, err)
		}
	}
}

func TestArrange_workersAtOnceOverTheirOwnUpdate(t *testing.T) {
	worker := "- {name: builders, instances: 3, update: {serial: false, canaries: 2, max_in_flight: 1, canary_watch_time: 1000-2000, vm_strategy: delete-create}, jobs: [{name: worker, release: concourse}]}\n"
	root, notes := arranged(t, ofGroups(t, bigUpdate, groupWeb, worker), deployment.Arrangement{WorkersAtOnce: true})
	want := vars{"serial": true, "canaries": 0, "max_in_flight": "100%", "canary_watch_time": "1000-2000", "vm_strategy": "delete-create"}
	if diff := cmp.Diff(want, groupOf(t, root, "builders")["update"]); diff != "" {
		t.Errorf("update (-want +got):\n%s", diff)
	}
	if _, has := groupOf(t, root, "ui")["update"]; has {
		t.Error("the web's update was changed too")
	}
	wantNotes := []string{
		"instance group builders: update.serial is true in this upgrade, not false: all workers are replaced at once while nothing runs",
		"instance group builders: update.canaries is 0 in this upgrade, not 2: all workers are replaced at once while nothing runs",
		"instance group builders: update.max_in_flight is 100% in this upgrade, not 1: all workers are replaced at once while nothing runs",
	}
	if diff := cmp.Diff(wantNotes, notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
	root, notes = arranged(t, ofGroups(t, bigUpdate, groupWeb, groupWorker), deployment.Arrangement{WorkersAtOnce: true})
	want = vars{"serial": true, "canaries": 0, "max_in_flight": "100%"}
	if diff := cmp.Diff(want, groupOf(t, root, "builders")["update"]); diff != "" || len(notes) > 0 {
		t.Errorf("notes %q, update (-want +got):\n%s", notes, diff)
	}
}

func TestArrange_updatesWebAndWorkersOneAfterTheOther(t *testing.T) {
	parallel := strings.Replace(bigUpdate, "serial: true", "serial: false", 1)
	root, notes := arranged(t, ofGroups(t, parallel, groupDB, groupWeb, groupUAA, groupWorker), deployment.Arrangement{})
	for name, want := range map[string]any{"db": nil, "uaa": nil, "ui": vars{"serial": true}, "builders": vars{"serial": true}} {
		if diff := cmp.Diff(want, groupOf(t, root, name)["update"]); diff != "" {
			t.Errorf("update of %s (-want +got):\n%s", name, diff)
		}
	}
	if want := "instance group ui: update.serial is true, not false as the manifest has it for all groups: web and workers are updated one after the other"; len(notes) != 2 || notes[0] != want {
		t.Errorf("notes %q, want %q and one of builders", notes, want)
	}
	for _, alone := range []string{groupWeb, groupWorker} {
		f := ofGroups(t, parallel, groupDB, alone)
		if text, notes, err := deployment.Arrange(f, deployment.Arrangement{}); err != nil || len(notes) > 0 || string(text) != string(f.Text) {
			t.Errorf("one of both alone: notes %q, error %v:\n%s", notes, err, text)
		}
	}
}

// with adds an update of its own to a group.
func with(group, update string) string {
	return strings.Replace(group, "instances:", "update: {"+update+"}, instances:", 1)
}

// At a first deploy there are no builds, and nothing to replace.
func TestArrange_takesBothJobsInOneGroupAtAFirstDeploy(t *testing.T) {
	both := "- {name: all, instances: 1, jobs: [{name: web, release: concourse}, {name: worker, release: concourse}]}\n"
	checkRefusal(t, ofGroups(t, bigUpdate, both, groupWorker), deployment.Arrangement{First: true}, "", "instance group all has both web and worker: they are updated together")
}

func TestArrange_refusesOnlyWhatErrorsBuilds(t *testing.T) {
	both := "- {name: all, instances: 1, jobs: [{name: web, release: concourse}, {name: worker, release: concourse}]}\n"
	one := strings.Replace(groupWorker, "instances: 3", "instances: 1", 1)
	other := strings.Replace(one, "builders", "others", 1)
	zones := strings.Replace(groupWorker, "azs: [z1]", "azs: [z1, z2]", 1)
	tagged := strings.Replace(strings.Replace(groupWorker, "builders", "gpu", 1), "release: concourse", "release: concourse, properties: {tags: [gpu, big], team: main}", 1)
	greedy := strings.Replace(bigUpdate, "canaries: 1, max_in_flight: 1", "canaries: 0, max_in_flight: 100%", 1)
	parallel := strings.Replace(bigUpdate, "serial: true", "serial: false", 1)
	alone := "there is one worker: builds that begin while it is replaced error; upgrade.way: quiet avoids that"
	for _, c := range []struct {
		name, update string
		groups       []string
		refused      string // what the error says; "" where it is taken
		note         string // the note where it is taken
	}{
		{"both jobs in one group", bigUpdate, []string{groupWeb, both}, "instance group all has both web and worker, which cannot be updated one after the other: put them into groups of their own, or upgrade with upgrade.way: quiet", ""},
		{"at the same time", bigUpdate, []string{with(groupWeb, "serial: false"), with(groupWorker, "serial: false")},
			"instance groups ui and builders have update.serial: false: BOSH would update web and workers at the same time, and builds would error; remove it, or upgrade with upgrade.way: quiet", ""},
		{"at the same time in this order", bigUpdate, []string{with(groupWorker, "serial: false"), groupUAA, with(groupWeb, "serial: false")}, "instance groups ui and builders have update.serial: false", ""},
		{"at the same time as a third", parallel, []string{with(groupWeb, "serial: false"), groupUAA, with(groupWorker, "serial: false")}, "instance groups ui and builders have update.serial: false", ""},
		{"a serial one between in this order", bigUpdate, []string{with(groupWeb, "serial: false"), groupUAA, with(groupWorker, "serial: false")}, "", ""},
		{"only the web", bigUpdate, []string{with(groupWeb, "serial: false"), groupWorker}, "", ""},
		{"only the workers", bigUpdate, []string{groupWeb, with(groupWorker, "serial: false")}, "", ""},
		{"all workers, by the manifest", greedy, []string{groupWeb, groupWorker},
			"instance group builders: with the manifest's update.max_in_flight: 100% and canaries: 0 all 3 workers would be replaced at once, and builds would error; lower it, or upgrade with upgrade.way: quiet", ""},
		{"all workers, by their group", bigUpdate, []string{groupWeb, with(groupWorker, "canaries: 0, max_in_flight: 3")}, "with update.max_in_flight: 3 and canaries: 0 all 3 workers", ""},
		{"all workers are canaries", bigUpdate, []string{groupWeb, with(groupWorker, "canaries: 100%, max_in_flight: 5")}, "with update.max_in_flight: 5 and canaries: 100% all 3 workers", ""},
		{"a canary first", bigUpdate, []string{groupWeb, with(groupWorker, "canaries: 1, max_in_flight: 100%")}, "", ""},
		{"canaries, one at a time", bigUpdate, []string{groupWeb, with(groupWorker, "canaries: 3")}, "", ""},
		{"two of three", bigUpdate, []string{groupWeb, with(groupWorker, "canaries: 0, max_in_flight: 99%")}, "", ""},
		{"a canary by per cent that is none", bigUpdate, []string{groupWeb, with(groupWorker, "canaries: 33%, max_in_flight: 100%")}, "canaries: 33% all 3 workers", ""},
		{"zone by zone", greedy, []string{groupWeb, zones}, "", ""},
		{"other workers stay", greedy, []string{groupWeb, groupWorker, strings.Replace(groupWorker, "builders", "others", 1)}, "", ""},
		{"other workers of other tags stay", bigUpdate, []string{groupWeb, groupWorker, with(tagged, "canaries: 0, max_in_flight: 3")}, "all 3 workers of team main with the tags big, gpu would be replaced at once", ""},
		{"one worker", bigUpdate, []string{groupWeb, one}, "", alone},
		{"one worker, all at once", greedy, []string{groupWeb, one}, "", alone},
		{"one worker of a team", bigUpdate, []string{groupWeb, groupWorker, strings.Replace(tagged, "instances: 3", "instances: 1", 1)}, "", "there is one worker of team main with the tags big, gpu: builds that begin while it is replaced error; upgrade.way: quiet avoids that"},
		{"two groups of one", bigUpdate, []string{groupWeb, one, other}, "", ""},
		{"two groups of one at the same time", bigUpdate, []string{groupWeb, with(one, "serial: false"), with(other, "serial: false")},
			"instance groups builders and others have update.serial: false: all 2 workers would be replaced at once, and builds would error; remove it from one of them, or upgrade with upgrade.way: quiet", ""},
		{"no worker", greedy, []string{groupWeb, strings.Replace(groupWorker, "instances: 3", "instances: 0", 1)}, "", ""},
		{"neither number nor per cent: the director refuses it", bigUpdate, []string{groupWeb, with(groupWorker, "canaries: few, max_in_flight: many")}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := ofGroups(t, c.update, c.groups...)
			checkRefusal(t, f, deployment.Arrangement{}, c.refused, c.note)
			if !strings.HasSuffix(c.name, "in this order") {
				checkRefusal(t, f, deployment.Arrangement{WorkersFirst: true}, c.refused, c.note)
			}
			// While nothing runs, all of it is right.
			root, _ := arranged(t, f, deployment.Arrangement{WorkersAtOnce: true})
			for _, item := range root["instance_groups"].([]any) {
				g := item.(vars)
				if g["name"] == "builders" && !cmp.Equal(groupOf(t, root, "builders")["update"].(vars)["serial"], true) {
					t.Errorf("builders are not updated for themselves: %v", g)
				}
			}
		})
	}
}

func checkRefusal(t *testing.T, f template.File, a deployment.Arrangement, refused, note string) {
	t.Helper()
	text, notes, err := deployment.Arrange(f, a)
	if refused == "" {
		if err != nil {
			t.Errorf("%+v: error %v", a, err)
		} else if note != "" && !slices.Contains(notes, note) {
			t.Errorf("%+v: notes %q, want %q", a, notes, note)
		}
		return
	}
	if err == nil || text != nil || !strings.HasPrefix(err.Error(), "arrange concourse.yml: instance group") || !strings.Contains(strings.Replace(err.Error(), "builders and ui", "ui and builders", 1), refused) {
		t.Errorf("%+v: error %v, want %q", a, err, refused)
	} else {
		oneLine(t, err)
	}
}

func TestArrange_quietlyTakesOneGroupForBoth(t *testing.T) {
	both := "- {name: all, instances: 2, jobs: [{name: web, release: concourse}, {name: worker, release: concourse}]}\n"
	a := deployment.Arrangement{WorkersAtOnce: true, Gate: gate}
	root, notes := arranged(t, ofGroups(t, bigUpdate, groupWorker, both), a)
	if want := []string{"instance group all has both web and worker: they are updated together"}; !cmp.Equal(want, notes) {
		t.Errorf("notes %q, want %q", notes, want)
	}
	if g := groupOf(t, root, "all"); g["update"] != nil || len(g["jobs"].([]any)) != 3 {
		t.Errorf("the group is %v, want its own pace, and the gate", g)
	}
}

func TestArrange_colocatesTheGateOnEveryWeb(t *testing.T) {
	second := "- {name: ui2, instances: 1, jobs: [{name: web, release: concourse}]}\n"
	own := "- {name: gate, release: perpetual}"
	job := vars{"name": "gate", "release": "perpetual"}
	bpm, web := vars{"name": "bpm", "release": "bpm"}, vars{"name": "web", "release": "concourse"}
	f := ofGroups(t, bigUpdate, groupDB, groupWeb, second, groupWorker)
	root, notes := arranged(t, f, deployment.Arrangement{Gate: gate})
	if diff := cmp.Diff([]any{bpm, web, job}, groupOf(t, root, "ui")["jobs"]); diff != "" {
		t.Errorf("jobs of ui (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]any{web, job}, groupOf(t, root, "ui2")["jobs"]); diff != "" {
		t.Errorf("jobs of ui2 (-want +got):\n%s", diff)
	}
	wantReleases := []any{vars{"name": "concourse", "version": "8.2.5"}, vars{"name": "bpm", "version": "1.4.38"}, vars{"name": "perpetual", "version": "1"}}
	if diff := cmp.Diff(wantReleases, root["releases"]); diff != "" || len(notes) > 0 {
		t.Errorf("notes %q, releases (-want +got):\n%s", notes, diff)
	}
	if diff := cmp.Diff(parsed(t, f.Text).(vars)["instance_groups"].([]any)[3], root["instance_groups"].([]any)[3]); diff != "" {
		t.Errorf("the workers were changed (-want +got):\n%s", diff)
	}

	pinned := renderedText(t, "name: c\n"+releases+"- {name: perpetual, version: '0.9', url: https://example.com/p.tgz}\n"+bigUpdate+"instance_groups:\n"+groupWeb)
	root, notes = arranged(t, pinned, deployment.Arrangement{Gate: gate})
	if got := root["releases"].([]any); len(got) != 3 || got[2].(vars)["version"] != "0.9" {
		t.Errorf("releases %v, want the user's own", got)
	}
	if want := []string{"the manifest itself has release perpetual, version 0.9: it is left as it is (this program would take 1)"}; !cmp.Equal(want, notes) {
		t.Errorf("notes %q, want %q", notes, want)
	}

	there := renderedText(t, "name: c\n"+releases+"- {name: perpetual, version: '1'}\n"+bigUpdate+"instance_groups:\n"+strings.Replace(groupWeb, "}]}", "}, {name: gate, release: perpetual}]}", 1))
	for _, a := range []deployment.Arrangement{{Gate: gate}, {}} {
		if text, notes, err := deployment.Arrange(there, a); err != nil || len(notes) > 0 || string(text) != string(there.Text) {
			t.Errorf("%+v, %s is there: notes %q, error %v:\n%s", a, own, notes, err, text)
		}
	}
	workers := ofGroups(t, bigUpdate, groupWorker)
	if text, _, err := deployment.Arrange(workers, deployment.Arrangement{Gate: gate}); err != nil || string(text) != string(workers.Text) {
		t.Errorf("a manifest without web: error %v:\n%s", err, text)
	}
}

func TestArrange_watchesWebsLongerWhereTheirTimeIsShorter(t *testing.T) {
	const long = "300000-7200000"
	for _, c := range []struct {
		name, update, own string
		want              any
	}{
		{"the manifest's is shorter", bigUpdate, "", vars{"canary_watch_time": long, "update_watch_time": long}},
		{"the group's is shorter", bigUpdate, "canary_watch_time: 1000, update_watch_time: 1000-9000000", vars{"canary_watch_time": long, "update_watch_time": long}},
		{"one of the group's is longer", bigUpdate, "canary_watch_time: 300001", vars{"canary_watch_time": 300001, "update_watch_time": long}},
		{"the manifest's is as long", strings.ReplaceAll(bigUpdate, "30000-600000", "' 300000 - 300000 '"), "", nil},
		{"the manifest has none", "", "", vars{"canary_watch_time": long, "update_watch_time": long}},
	} {
		t.Run(c.name, func(t *testing.T) {
			web := groupWeb
			if c.own != "" {
				web = with(groupWeb, c.own)
			}
			root, _ := arranged(t, ofGroups(t, c.update, web, groupWorker), deployment.Arrangement{WatchTime: long})
			if diff := cmp.Diff(c.want, groupOf(t, root, "ui")["update"]); diff != "" {
				t.Errorf("update (-want +got):\n%s", diff)
			}
			if got := groupOf(t, root, "builders")["update"]; got != nil {
				t.Errorf("the workers' update is %v", got)
			}
		})
	}
	if _, _, err := deployment.Arrange(ofGroups(t, bigUpdate, groupWeb), deployment.Arrangement{WatchTime: "5m"}); err == nil || !strings.Contains(err.Error(), `the watch time "5m" is neither`) {
		t.Errorf("error %v", err)
	}
}

// TestArranged_isTheArrangementThatGivesTheTextAgain: whatever the manifest and
// the arrangement, what is deployed is recognised by reading it back.
func TestArranged_isTheArrangementThatGivesTheTextAgain(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	tried := 0
	for range 1000 {
		f, a := anyManifest(t, rng), anyArrangement(rng)
		text, _, err := deployment.Arrange(f, a)
		if err != nil {
			continue
		}
		tried++
		back, err := deployment.Arranged(text, "perpetual", "gate")
		if err != nil {
			t.Fatalf("%v in:\n%s", err, text)
		}
		again, _, err := deployment.Arrange(f, back)
		if err != nil || string(again) != string(text) {
			t.Fatalf("arranged as %+v, read back as %+v, error %v (-was +again):\n%s\nof:\n%s", a, back, err, cmp.Diff(string(text), string(again)), f.Text)
		}
		if restarts, err := deployment.RestartsWeb(text, f.Text); err != nil || restarts {
			t.Fatalf("arranged as %+v it restarts web, error %v:\n%s", a, err, f.Text)
		}
	}
	if tried < 150 {
		t.Errorf("only %d could be arranged", tried)
	}
}

func TestArranged_readsEachPart(t *testing.T) {
	f := ofGroups(t, bigUpdate, groupDB, groupWeb, groupWorker)
	for _, a := range []deployment.Arrangement{
		{}, {WorkersFirst: true}, {WorkersAtOnce: true}, {Gate: gate}, {WatchTime: "300000-7200000"},
		{WorkersFirst: true, WorkersAtOnce: true, Gate: gate, WatchTime: "300000-7200000"},
	} {
		text, _, err := deployment.Arrange(f, a)
		if err != nil {
			t.Fatal(err)
		}
		got, err := deployment.Arranged(text, "perpetual", "gate")
		if diff := cmp.Diff(a, got); diff != "" || err != nil {
			t.Errorf("error %v, arranged (-want +got):\n%s", err, diff)
		}
	}
}

func anyArrangement(rng *rand.Rand) deployment.Arrangement {
	a := deployment.Arrangement{WorkersFirst: rng.IntN(2) == 0, WorkersAtOnce: rng.IntN(2) == 0}
	if rng.IntN(2) == 0 {
		a.Gate = gate
	}
	if rng.IntN(2) == 0 {
		a.WatchTime = "300000-7200000"
	}
	return a
}

// anyManifest is a rendered manifest with groups of all kinds, in any order, with
// updates and values of all kinds.
func anyManifest(t testing.TB, rng *rand.Rand) template.File {
	t.Helper()
	update := func() any {
		m := vars{}
		for key, choices := range map[string][]any{
			"serial": {true, false}, "canaries": {0, 1, "50%"}, "max_in_flight": {1, 3, "100%"},
			"canary_watch_time": {1000, "30000-600000", "900000-9000000"}, "update_watch_time": {"1000-2000", 900000}, "vm_strategy": {"delete-create"},
		} {
			if rng.IntN(3) == 0 {
				m[key] = choices[rng.IntN(len(choices))]
			}
		}
		return m
	}
	jobs := map[string][]any{
		"web": {vars{"name": "web", "release": "concourse"}}, "worker": {vars{"name": "worker", "release": "concourse"}},
		"db": {vars{"name": "postgres", "release": "postgres"}}, "other": {vars{"name": "uaa", "release": "uaa"}},
		"all":   {vars{"name": "web", "release": "concourse"}, vars{"name": "worker", "release": "concourse"}},
		"gated": {vars{"name": "web", "release": "concourse"}, vars{"name": "gate", "release": "perpetual"}},
	}
	var groups []any
	for i := range rng.IntN(6) {
		kind := []string{"web", "worker", "db", "other", "web", "worker", "all", "gated"}[rng.IntN(8)]
		g := vars{"name": fmt.Sprintf("%s%d", kind, i), "instances": rng.IntN(4), "jobs": jobs[kind], "azs": []any{"z1", "z2"}[:rng.IntN(3)], "env": testkit.Value(rng, 3)}
		if rng.IntN(2) == 0 {
			g["update"] = update()
		}
		groups = append(groups, g)
	}
	root := vars{"name": "c", "releases": []any{vars{"name": "concourse", "version": "8.2.5"}}, "instance_groups": groups, "properties": testkit.Value(rng, 4)}
	if rng.IntN(2) == 0 {
		root["update"] = update()
	}
	if rng.IntN(5) == 0 {
		root["releases"] = append(root["releases"].([]any), vars{"name": "perpetual", "version": "0.9"})
	}
	return renderedText(t, testkit.YAML(rng, root, ""))
}

// TestArrange_changesNothingElse: but for the order of the groups, the update of
// web and worker groups and the gate, both texts say the same.
func TestArrange_changesNothingElse(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	for range 1000 {
		f, a := anyManifest(t, rng), anyArrangement(rng)
		text, _, err := deployment.Arrange(f, a)
		if err != nil {
			oneLine(t, err)
			continue
		}
		if diff := cmp.Diff(unarranged(t, f.Text), unarranged(t, text), cmp.Comparer(sameFloat)); diff != "" {
			t.Fatalf("arranged as %+v (-was +is):\n%s\n%s", a, diff, text)
		}
	}
}

func sameFloat(a, b float64) bool { return a == b || a != a && b != b }

// unarranged is what a manifest says apart from its arrangement.
func unarranged(t testing.TB, text []byte) any {
	root := maps.Clone(parsed(t, text).(vars))
	groups := vars{}
	list, _ := root["instance_groups"].([]any)
	for _, item := range list {
		g := item.(vars)
		g["jobs"] = slices.DeleteFunc(g["jobs"].([]any), func(j any) bool { return j.(vars)["name"] == "gate" })
		if name := g["name"].(string); !strings.HasPrefix(name, "db") && !strings.HasPrefix(name, "other") {
			u, _ := g["update"].(vars)
			for _, key := range []string{"serial", "canaries", "max_in_flight", "canary_watch_time", "update_watch_time"} {
				delete(u, key)
			}
			if len(u) == 0 {
				delete(g, "update")
			}
		}
		groups[g["name"].(string)] = g
	}
	root["instance_groups"] = groups
	root["releases"] = slices.DeleteFunc(root["releases"].([]any), func(r any) bool { return r.(vars)["version"] == "1" })
	return root
}

// TestArrange_keepsEveryValuesMeaning: what YAML 1.1 and 1.2 read in different
// ways, and what is long, stays the text or the number that it is.
func TestArrange_keepsEveryValuesMeaning(t *testing.T) {
	values := []any{
		"yes", "no", "on", "off", "y", "n", "~", "null", "0777", "0o17", "1_000", "1,000", "1:30", "190:20:30", "2026-08-01", "2026-08-01T10:00:00Z", "1e3", ".5", "0x1f", "=", "<<",
		1, 0o777, 1.5, 1e21, true, nil, "", " lead", "trail ", "a: b", "# x", "((x))", "tab\t", "\u2028", "\x07", strings.Repeat("word ", 100), strings.Repeat("x", 3000),
		"-----BEGIN CERTIFICATE-----\n" + strings.Repeat("MIIEpAIBAAKCAQEA\n", 20) + "-----END CERTIFICATE-----\n", "\n leading newline", "trailing\n\n", "  indented\nless\n",
	}
	text := "name: c\nreleases: []\nx: ((values))\nupdate: {}\ninstance_groups:\n" + groupWorker + groupWeb
	rendered, err := template.Render(template.Template{File: template.File{Name: "m", Text: []byte(text)}, Vars: []vars{{"values": values}}, Partial: true})
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := deployment.Arrange(template.File{Name: "m", Text: rendered}, deployment.Arrangement{WorkersAtOnce: true, Gate: gate})
	if err != nil {
		t.Fatal(err)
	}
	cut := func(text []byte) string { // up to the next key
		s := string(text)
		_, after, _ := strings.Cut(s, "\nx:")
		return after
	}
	if was, is := cut(rendered), cut(got); was != is {
		t.Errorf("it is written in another way:\n%s", cmp.Diff(was, is))
	}
	root := parsed(t, got).(vars)
	if diff := cmp.Diff(parsed(t, rendered).(vars)["x"], root["x"]); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

func TestArrange_resolvesAnchors(t *testing.T) {
	text := "name: c\nx: &jobs [{name: web, release: concourse}]\nz: &update {canaries: 1}\ninstance_groups:\n- {name: a, jobs: *jobs, update: {<<: *update, serial: true}}\n- {name: b, jobs: *jobs}\n"
	root, _ := arranged(t, template.File{Name: "m", Text: []byte(text)}, deployment.Arrangement{Gate: gate, WatchTime: "5000"})
	if got := len(root["x"].([]any)); got != 1 {
		t.Errorf("the anchor itself has got %d jobs", got)
	}
	want := vars{"canaries": 1, "serial": true, "canary_watch_time": "5000", "update_watch_time": "5000"}
	if diff := cmp.Diff(want, groupOf(t, root, "a")["update"]); diff != "" {
		t.Errorf("update of a (-want +got):\n%s", diff)
	}
	for _, name := range []string{"a", "b"} {
		if got := len(groupOf(t, root, name)["jobs"].([]any)); got != 2 {
			t.Errorf("%s has %d jobs, want web and gate", name, got)
		}
	}
}

func TestArrange_refusesWhatIsNoManifest(t *testing.T) {
	for _, text := range []string{"a: [", "- a", "instance_groups: 5", "instance_groups: [5]", "instance_groups: [{name: [a]}]", "update: {serial: maybe}", "\x00"} {
		got, _, err := deployment.Arrange(template.File{Name: "my.yml", Text: []byte(text)}, deployment.Arrangement{})
		if got != nil || err == nil || !strings.HasPrefix(err.Error(), "parse my.yml: ") {
			t.Errorf("%q: %q, error %v", text, got, err)
			continue
		}
		oneLine(t, err)
		if _, err := deployment.Arranged([]byte(text), "perpetual", "gate"); err == nil || !strings.HasPrefix(err.Error(), "parse the deployed manifest: ") {
			t.Errorf("%q: read back, error %v", text, err)
		}
	}
	for name, bomb := range testkit.Bombs {
		if _, _, err := deployment.Arrange(template.File{Name: "m", Text: []byte(bomb)}, deployment.Arrangement{}); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
