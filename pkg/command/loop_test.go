package command_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

type version = map[string]string

// The loop, each step a process of its own: a first install, its verification,
// an upgrade, its verification, and a round with nothing to do.
func TestLoop_turns(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	first := s.install(t)
	s.verifyGreen(t, first, oldSet.Concourse)

	s.Publish(newSet)
	set := s.fetch(t, version{"concourse": oldSet.Concourse, "bpm": oldSet.BPM, "postgres": oldSet.Postgres, "stemcell": oldSet.Stemcell, "perpetual": oldSet.Perpetual})
	want := version{"concourse": newSet.Concourse, "bpm": oldSet.BPM, "postgres": oldSet.Postgres, "stemcell": newSet.Stemcell, "perpetual": newSet.Perpetual}
	if len(set) != 2 || !equal(set[1], want) {
		t.Fatalf("check after the old set gives %v, want the old one and %v", set, want)
	}
	put := object{"source": s.DeploymentSource(), "params": object{"components": "components"}}
	env := []string{"BUILD_PIPELINE_NAME=" + pipelineName, "BUILD_TEAM_NAME=" + world.Team}
	r := answer[result](t, ask(t, "out", put, s.dir, env...))
	for name, value := range map[string]string{
		"concourse": "8.2.4 → 8.2.5", "bpm": "1.4.33 (unchanged)", "stemcell": "1.1340 → 1.1364",
		"perpetual": programVersion + " → 1.3.0", // a digest does not say which version runs; the program does
		"deploy":    "started", "director task": r.Version["task"], "pipeline": "self-upgrade: updated",
		"follow it": "bosh -e " + s.URLs["director"] + " task " + r.Version["task"],
	} {
		if r.field(name) != value {
			t.Errorf("metadata %s is %q, want %q", name, r.field(name), value)
		}
	}
	s.idle(t)
	finished := answer[[]version](t, ask(t, "check", object{"source": s.DeploymentSource(), "version": first}, ""))
	if len(finished) != 2 || !equal(finished[0], first) || !equal(finished[1], r.Version) {
		t.Errorf("check after %v gives %v, want that and %v", first, finished, r.Version)
	}
	s.verifyGreen(t, r.Version, newSet.Concourse)

	before := s.snapshot()
	again := answer[result](t, ask(t, "out", put, s.dir, env...))
	if !equal(again.Version, r.Version) || again.field("deploy") != "nothing to deploy" || again.field("pipeline") != "self-upgrade: unchanged" {
		t.Errorf("the second round gives %+v", again)
	}
	if after := s.snapshot(); len(after.Effects) != len(before.Effects) || len(after.Pipelines) != len(before.Pipelines) {
		t.Errorf("the second round changed something: %v", after.Effects[len(before.Effects):])
	}
}

func equal(a, b version) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

// fetch checks and gets the newest set into the build's directory.
func (s *stage) fetch(t *testing.T, given version) []version {
	t.Helper()
	request := object{"source": s.ComponentsSource()}
	if given != nil {
		request["version"] = given
	}
	set := answer[[]version](t, ask(t, "check", request, ""))
	dir := filepath.Join(s.dir, "components")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	answer[result](t, ask(t, "in", object{"source": s.ComponentsSource(), "version": set[len(set)-1]}, dir))
	return set
}

// install deploys the published set for the first time, and waits for it.
func (s *stage) install(t *testing.T) version {
	t.Helper()
	if set := s.fetch(t, nil); len(set) != 1 || set[0]["concourse"] != oldSet.Concourse {
		t.Fatalf("the first check gives %v, want the newest set alone", set)
	}
	write(t, s.dir, map[string]string{"cloud-config.yml": world.CloudConfig})
	p := ask(t, "out", object{"source": s.DeploymentSource(), "params": object{
		"components": "components", "cloud_config": "cloud-config.yml", "vars": s.ManifestVars(), "detach": false,
		"pipeline": object{"name": pipelineName, "vars": s.PipelineVars()},
	}}, s.dir)
	r := answer[result](t, p)
	if r.field("concourse") != oldSet.Concourse || r.field("deploy") != "started" || !strings.HasPrefix(r.field("pipeline"), "self-upgrade: created") {
		t.Errorf("the first install gives %+v", r)
	}
	for _, want := range []string{"set cloud config: updated", "uploaded", "Updating instance", "is done"} {
		if !strings.Contains(p.stderr, want) {
			t.Errorf("the log of the first install lacks %q:\n%s", want, p.stderr)
		}
	}
	found := answer[[]version](t, ask(t, "check", object{"source": s.DeploymentSource()}, ""))
	if len(found) != 1 || !equal(found[0], r.Version) {
		t.Errorf("the first check of the deployment gives %v, want %v alone", found, r.Version)
	}
	return r.Version
}

// verifyGreen gets a deploy that is good, and looks at every file.
func (s *stage) verifyGreen(t *testing.T, v version, concourseVersion string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "deployment")
	p := s.unchanged(t, func() process {
		return ask(t, "in", object{"source": s.DeploymentSource(), "version": v, "params": object{"verify": true}}, dir)
	})
	r := answer[result](t, p)
	if !equal(r.Version, v) || r.field("state") != "done" || r.field("concourse") != concourseVersion {
		t.Errorf("in gives %+v, want task %v done with Concourse %s", r, v, concourseVersion)
	}
	found := files(t, dir)
	names := slices.Sorted(slices.Values(keys(found)))
	if want := []string{"events.jsonl", "instances.json", "manifest.yml", "report.md", "task.json"}; !slices.Equal(names, want) {
		t.Errorf("in wrote %v, want %v", names, want)
	}
	var task struct {
		ID                     int
		State, Deployment      string
		StartedAt, FinishedAt  string
		FailedStage, ContextID string
	}
	decode(t, found["task.json"], &task)
	if itoa(task.ID) != v["task"] || task.State != "done" || task.Deployment != "concourse" {
		t.Errorf("task.json holds %+v", task)
	}
	for _, line := range strings.Split(strings.TrimSpace(found["events.jsonl"]), "\n") {
		decode(t, line, &object{})
	}
	var instances []struct{ Group, ID, State string }
	decode(t, found["instances.json"], &instances)
	if len(instances) != 3 {
		t.Errorf("instances.json holds %v, want db, web and worker", instances)
	}
	for _, i := range instances {
		if i.State != "running" || i.ID == "" {
			t.Errorf("instances.json: %+v", i)
		}
	}
	if deployed := s.Director.Deployments()[0]; found["manifest.yml"] != deployed.Manifest {
		t.Errorf("manifest.yml is not what is deployed:\n%s", found["manifest.yml"])
	}
	if info, err := os.Stat(filepath.Join(dir, "manifest.yml")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("manifest.yml: %v, %v, want mode 0600", info.Mode(), err)
	}
	for _, want := range []string{"**done**", "| Concourse version | " + concourseVersion, "| workers | 1 of 1 run", "| worker/"} {
		if !strings.Contains(found["report.md"], want) {
			t.Errorf("report.md lacks %q:\n%s", want, found["report.md"])
		}
	}
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Errorf("decode %q: %v", text, err)
	}
}

// A deploy that failed: the get tells it, the verification is red, and both have
// stage and instance.
func TestIn_tellsWhereADeployFailed(t *testing.T) {
	t.Parallel()
	s := installed(t)
	s.Director.FailInstance("worker", 0, "'worker/0' is not running after update. Review logs for failed jobs: worker", 1)
	r := answer[result](t, ask(t, "out", s.out(nil), s.dir))
	s.idle(t)
	request := object{"source": s.DeploymentSource(), "version": r.Version}
	dir := t.TempDir()
	told := answer[result](t, ask(t, "in", request, dir))
	if told.field("state") != "error" || !strings.Contains(told.field("failure"), "Updating instance") || !strings.Contains(told.field("failure"), "worker/") {
		t.Errorf("metadata %+v: want state error and the failure's place", told.Metadata)
	}
	var task map[string]any
	decode(t, files(t, dir)["task.json"], &task)
	if task["failed_stage"] != "Updating instance" || !strings.HasPrefix(task["failed_instance"].(string), "worker/") {
		t.Errorf("task.json: %v", task)
	}
	request["params"] = object{"verify": true}
	red := filepath.Join(t.TempDir(), "red")
	refused(t, ask(t, "in", request, red), "verify deployment concourse", "director task "+r.Version["task"], "Updating instance", "worker/", "is not running after update")
	if report := files(t, red)["report.md"]; !strings.Contains(report, "It failed at stage") || !strings.Contains(report, "**failed**") {
		t.Errorf("report.md:\n%s", report)
	}
	again := answer[result](t, ask(t, "out", s.out(nil), s.dir)) // the same content, which is not deployed
	if again.field("deploy") != "started" || equal(again.Version, r.Version) {
		t.Errorf("after the failure out gives %+v, want a new deploy", again)
	}
	s.idle(t)
}

func TestOut_dryRunShowsTheDifferencesAndChangesNothing(t *testing.T) {
	t.Parallel()
	s := installed(t)
	write(t, s.dir, map[string]string{"scale.yml": "- {type: replace, path: /instance_groups/name=worker/instances, value: 2}\n", "cloud.yml": world.CloudConfig + "vm_extensions: [{name: spot}]\n"})
	params := object{"dry_run": true, "ops_files": []string{"scale.yml"}, "cloud_config": "cloud.yml"}
	p := s.unchanged(t, func() process { return ask(t, "out", s.out(params), s.dir) })
	r := answer[result](t, p)
	if r.Version["task"] != "1" || !strings.Contains(r.field("deploy"), "dry run") {
		t.Errorf("dry run gives %+v, want the last deploy's task", r)
	}
	for _, want := range []string{"pipeline self-upgrade would change", "1.x", "cloud config: would change: true\n  + vm_extensions/spot/name: spot\n", "manifest of concourse would change", "+", "instances: 2"} {
		if !strings.Contains(p.stderr, want) {
			t.Errorf("the preview lacks %q:\n%s", want, p.stderr)
		}
	}
}

// The pipeline is set before the deploy is submitted, and keeps its pause state.
func TestOut_setsThePipelineFirst(t *testing.T) {
	t.Parallel()
	s := installed(t)
	if err := s.Concourse.Unpause(world.Team, pipelineName); err != nil {
		t.Fatal(err)
	}
	answer[result](t, ask(t, "out", s.out(nil), s.dir))
	s.idle(t)
	deploys := s.deploys()
	set := false
	for _, e := range s.Concourse.Events() {
		set = set || e.Kind == concourse.KindUpdate && e.At.Before(deploys[len(deploys)-1].At)
		if e.Kind == concourse.KindPause {
			t.Error("the pipeline was paused")
		}
	}
	if !set {
		t.Error("the pipeline was not set before the deploy was submitted")
	}
}
