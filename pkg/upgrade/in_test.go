package upgrade_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/testkit"
)

var judged = resource.InParams{Verify: true}

// finished makes the director's last task a deploy of 8.2.1 that has ended.
func (f *fixture) finished(t *testing.T, state string, events ...bosh.Event) string {
	t.Helper()
	f.director.past(42, state)
	task := f.director.find(42)
	task.ContextID, task.Result, task.events = "perpetual-5f1c", "/deployments/concourse", events
	f.director.record("concourse", f.manifest(t, map[string]any{"concourse_version": "8.2.1", "stemcell_version": "1.1364"}))
	f.atc.looks = []look{{version: "8.2.1", workerVersion: "2.5", workers: workers("running 2.5", "running 2.5")}}
	return "42"
}

// workers makes workers of "state version".
func workers(list ...string) []concourse.Worker {
	var made []concourse.Worker
	for i, text := range list {
		state, version, _ := strings.Cut(text, " ")
		made = append(made, concourse.Worker{Name: fmt.Sprintf("w%d-%d", i, i), State: state, Version: version})
	}
	return made
}

// event is an event as the director has written it.
func event(t *testing.T, stage, task, state, why string) bosh.Event {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"time": 1785585600, "stage": stage, "task": task, "state": state})
	if err != nil {
		t.Fatal(err)
	}
	return bosh.Event{Stage: stage, Task: task, State: state, Error: why, Raw: raw}
}

// golden compares a directory with one of testdata.
func golden(t *testing.T, name, dir string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(dir, file.Name()))
		info, infoErr := file.Info()
		if err != nil || infoErr != nil {
			t.Fatal(err, infoErr)
		}
		got.WriteString("==> " + file.Name())
		if info.Mode().Perm()&0o077 == 0 {
			got.WriteString(" (private)")
		}
		got.WriteString("\n" + string(text))
	}
	testkit.Golden(t, "testdata/"+name+".golden", got.String())
}

func TestIn_writesWhatIsKnownOfADeploy(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		dir := t.TempDir()
		task := f.finished(t, bosh.StateDone,
			event(t, "Updating instance", "worker/6f1c (0) (canary)", "started", ""), event(t, "Updating instance", "worker/6f1c (0) (canary)", "finished", ""))
		result, err := f.in(t.Context(), task, dir, judged)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "in-done", dir)
		want := resource.Result{Version: resource.Version{"task": "42"}, Metadata: []resource.Field{
			{Name: "state", Value: "done"}, {Name: "took", Value: "3m20s"},
			{Name: "concourse", Value: "8.2.1"}, {Name: stemcellName, Value: "1.1364"},
		}}
		if diff := cmp.Diff(want, result); diff != "" {
			t.Errorf("result (-want +got):\n%s", diff)
		}
		wantText(t, "log", f.log.String(), "director task: 42 is done", "instances: 3 run", "Concourse version: 8.2.1", "workers: 2 of 2 run")
	})
}

// A director that was rebuilt gives the numbers of earlier deploys to other tasks.
func TestIn_refusesATaskThatIsNoDeployOfTheDeployment(t *testing.T) {
	for name, c := range map[string]struct {
		task bosh.Task
		want string
	}{
		"an upload":               {bosh.Task{Description: "create release"}, `is "create release", not a deploy of concourse`},
		"an errand":               {bosh.Task{Description: "run errand smoke", Deployment: "concourse"}, `is "run errand smoke", not a deploy of concourse`},
		"a dry run":               {bosh.Task{Description: "create deployment (dry run)", Deployment: "concourse"}, `is "create deployment (dry run)", not a deploy of concourse`},
		"a deploy of another":     {bosh.Task{Description: "create deployment", Deployment: "vault"}, `is "create deployment" of vault, not a deploy of concourse`},
		"a deletion":              {bosh.Task{Description: "delete deployment concourse", Deployment: "concourse"}, `is "delete deployment concourse"`},
		"an upload that runs":     {bosh.Task{Description: "create stemcell", State: bosh.StateProcessing}, `is "create stemcell"`},
		"a deploy without a name": {bosh.Task{Description: "create deployment"}, `is "create deployment", not a deploy of concourse`},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.finished(t, bosh.StateDone) // all else is good
				if c.task.State == "" {
					c.task.State = bosh.StateDone
				}
				id := strconv.Itoa(f.director.add(fakeTask{Task: c.task, takes: time.Minute, end: bosh.StateDone}))
				for _, params := range []resource.InParams{judged, {}} {
					_, err := f.in(t.Context(), id, t.TempDir(), params)
					wantError(t, err, "director task "+id+" "+c.want, "counts its tasks from 1 again", "check")
				}
			})
		})
	}
}

func TestIn_writesWhyADeployFailed(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		dir := t.TempDir()
		task := f.finished(t, bosh.StateError, event(t, "Updating instance", "worker/6f1c (0) (canary)", "failed", "'worker/6f1c (0)' is not running\nafter update."))
		f.director.instances = [][]bosh.Instance{{{Group: "worker", ID: "6f1c", State: "failing"}}}
		_, err := f.in(t.Context(), task, dir, judged)
		wantError(t, err, "verify deployment concourse: director task: director task 42 ended as error", "Updating instance", "worker/6f1c (0) (canary)", "is not running after update")
		golden(t, "in-failed", dir)
	})
}

// People print the files of a get, and its metadata are shown to them.
func TestIn_spellsOutWhatIsNotForTheEye(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		const foreign = "red\x1b[31m\u202e\u009b\x7f"
		dir := t.TempDir()
		broken := event(t, "Updating "+foreign, "worker/6f1c (0) "+foreign, "failed", "line one\nline two "+foreign)
		task := f.finished(t, bosh.StateError, broken)
		f.director.find(42).Result = foreign
		f.director.instances = [][]bosh.Instance{{{Group: "worker" + foreign, ID: "6f1c", State: foreign + "\n| a | row |"}}}
		if _, err := f.in(t.Context(), task, dir, resource.InParams{}); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"task.json", "events.jsonl", "instances.json", "report.md"} {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(text), `red\u001b[31m\u202e\u009b\u007f`) || strings.ContainsAny(string(text), "\x1b\u202e\u009b\x7f") {
				t.Errorf("%s: %q", name, text)
			}
			if name == "report.md" && strings.Contains(string(text), "\n| a | row |") {
				t.Errorf("the director writes rows of its own into the report:\n%s", text)
			}
			var decoded struct{ Stage, Error string }
			if name == "events.jsonl" && (json.Unmarshal(text, &decoded) != nil || decoded.Stage != "Updating "+foreign) {
				t.Errorf("an event is another now: %s", text)
			}
		}
	})
}

func TestIn_fetchesAFailedDeployWithoutVerifying(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		task := f.finished(t, bosh.StateError, event(t, "Updating instance", "worker/6f1c (0)", "failed", "not running"))
		result, err := f.in(t.Context(), task, t.TempDir(), resource.InParams{})
		if err != nil {
			t.Fatal(err)
		}
		want := resource.Field{Name: "failure", Value: `stage "Updating instance": instance worker/6f1c (0): not running`}
		if len(result.Metadata) < 3 || result.Metadata[2] != want {
			t.Errorf("metadata = %v, want %v in it", result.Metadata, want)
		}
	})
}

func TestIn_doesNotWaitWithoutVerifying(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.director.lastID = 41
		f.director.add(foreign("create deployment", time.Minute, bosh.StateDone))
		dir, began := t.TempDir(), time.Now()
		result, err := f.in(t.Context(), "42", dir, resource.InParams{})
		if err != nil || time.Since(began) > time.Second || result.Metadata[0].Value != bosh.StateProcessing {
			t.Errorf("%v, %v after %s", result, err, time.Since(began))
		}
		if text, err := os.ReadFile(filepath.Join(dir, "instances.json")); err != nil || string(text) != "[]\n" {
			t.Errorf("instances.json = %s, %v: a deploy that runs is not disturbed", text, err)
		}
	})
}

func TestIn_waitsForTheEndBeforeItVerifies(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.finished(t, bosh.StateDone)
		f.director.find(42).end = bosh.StateDone
		f.director.find(42).takes, f.director.find(42).begin, f.director.find(42).State = time.Minute, time.Now(), bosh.StateProcessing
		began := time.Now()
		if _, err := f.in(t.Context(), "42", t.TempDir(), judged); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < time.Minute {
			t.Errorf("it verified after %s, and the deploy took a minute", took)
		}
		wantText(t, "log", f.log.String(), "director task 42 is processing: waiting for its end")
	})
}

func TestIn_endsWithItsTimeout(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.director.lastID = 41
		f.director.add(foreign("create deployment", 0, ""))
		began := time.Now()
		_, err := f.in(t.Context(), "42", t.TempDir(), resource.InParams{Verify: true, Timeout: resource.Duration{Duration: 10 * time.Second}})
		wantError(t, err, "params.timeout of 10s is over")
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("it ended after %s", took)
		}
		began = time.Now()
		_, err = f.in(t.Context(), "42", t.TempDir(), judged)
		wantError(t, err, "params.timeout of 30m0s is over")
		if took := time.Since(began); took != 30*time.Minute {
			t.Errorf("by default it ended after %s", took)
		}
	})
}

func TestIn_verifiesADeploymentWhoseTaskIsForgotten(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.finished(t, bosh.StateDone)
		result, err := f.in(t.Context(), "0", t.TempDir(), judged)
		if err != nil || !result.Version.Equal(resource.Version{"task": "0"}) {
			t.Fatalf("%v, %v", result, err)
		}
		f.director.instances = [][]bosh.Instance{nil}
		_, err = f.in(t.Context(), "0", t.TempDir(), judged)
		wantError(t, err, "instances: no instance of the deployment runs")
	})
}

func TestIn_saysWhatItCouldNotRead(t *testing.T) {
	for _, c := range []struct {
		name, task string
		edit       func(f *fixture)
		want       []string
	}{
		{"no task", "x", func(*fixture) {}, []string{`want {"task": "1234"}`}},
		{"a forgotten task", "5", func(*fixture) {}, []string{"read director task 5: the director has forgotten it", "check"}},
		{"a task of another deployment", "42", func(f *fixture) { f.director.find(42).Deployment = "vault" }, []string{`is "create deployment" of vault, not a deploy of concourse`}},
		{"the task", "42", func(f *fixture) { f.director.faults["Task"] = []error{errUnreachable} }, []string{"read director task 42", "connection refused"}},
		{"its events", "42", func(f *fixture) { f.director.faults["Events"] = []error{errUnreachable} }, []string{"read events of director task 42"}},
		{"the deployment", "42", func(f *fixture) { f.director.faults["Deployment"] = []error{errUnreachable} }, []string{"read deployment concourse"}},
		{"a deleted deployment", "42", func(f *fixture) { delete(f.director.deployed, "concourse") }, []string{"read deployment concourse", "not found"}},
		{"the instances", "42", func(f *fixture) { f.director.faults["Instances"] = []error{errUnreachable} }, []string{"ask for the instances of deployment concourse"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.finished(t, bosh.StateDone)
				c.edit(f)
				dir := t.TempDir()
				_, err := f.in(t.Context(), c.task, dir, resource.InParams{})
				wantError(t, err, c.want...)
				if files, _ := os.ReadDir(dir); len(files) > 0 {
					t.Errorf("it wrote %v", files)
				}
			})
		})
	}
}

func TestIn_saysWhenItsDirectoryIsGone(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.finished(t, bosh.StateDone)
		_, err := f.in(context.WithoutCancel(t.Context()), "42", filepath.Join(t.TempDir(), "none"), resource.InParams{})
		wantError(t, err, "write ", "no such file or directory")
	})
}
