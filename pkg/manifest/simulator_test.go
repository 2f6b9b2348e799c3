package manifest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// newWorld starts simulators with the cloud config of an input, and with the
// releases and the stemcell of its versions on the director.
func newWorld(t *testing.T, in manifest.Input) *world.World {
	t.Helper()
	w, err := world.Start(t.Context(), world.Options{Scale: 0.0005})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	v := in.Versions
	err = w.Director.Seed(director.Seed{
		CloudConfig: string(render(t, "cloud-config", in)),
		Stemcells:   []director.SeedStemcell{{Name: v.StemcellName, OS: "ubuntu-jammy", Version: v.Stemcell}},
		Releases:    []director.SeedRelease{{Name: "concourse", Version: v.Concourse}, {Name: "bpm", Version: v.BPM}, {Name: "postgres", Version: v.Postgres}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// deploy deploys a manifest and waits for the end.
func deploy(t *testing.T, w *world.World, text []byte) director.Task {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	task, err := w.Director.Deploy(ctx, text)
	if err != nil {
		t.Fatalf("%v\n%s", err, w.Director.Events(task.ID))
	}
	return task
}

func TestConcourse_isDeployedByTheDirectorSimulator(t *testing.T) {
	want := map[string][]string{
		"default": {"web", "worker"}, "lets-encrypt": {"web", "worker"}, "database-vm": {"db", "web", "worker"},
		"everything": {"web", "worker", "worker", "worker", "worker", "upgrade-worker"},
	}
	for name, in := range inputs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, in)
			deploy(t, w, render(t, "concourse", in))
			var groups []string
			for _, i := range w.Director.Instances(manifest.Deployment) {
				groups = append(groups, i.Group)
				if !i.Running || i.Releases["concourse"] == "" && i.Group != "db" {
					t.Errorf("%s/%d runs: %v, releases %v", i.Group, i.Index, i.Running, i.Releases)
				}
			}
			if diff := cmp.Diff(want[name], groups); diff != "" {
				t.Errorf("instances (-want +got):\n%s", diff)
			}
		})
	}
}

// TestConcourse_changesWebBeforeWorkers sees an upgrade go in the order that stops a
// bad version early.
func TestConcourse_changesWebBeforeWorkers(t *testing.T) {
	in := inputs(t)["database-vm"]
	w := newWorld(t, in)
	deploy(t, w, render(t, "concourse", in))
	in.Versions.Concourse = "8.4.0"
	if err := w.Director.Seed(director.Seed{Releases: []director.SeedRelease{{Name: "concourse", Version: "8.4.0"}}}); err != nil {
		t.Fatal(err)
	}
	events := w.Director.Events(deploy(t, w, render(t, "concourse", in)).ID)
	web, worker := strings.Index(events, `"tags":["web"]`), strings.Index(events, `"tags":["worker"]`)
	if web < 0 || worker < web {
		t.Errorf("the web is updated at %d of the events, workers at %d:\n%s", web, worker, events)
	}
	for _, i := range w.Director.Instances(manifest.Deployment) {
		if i.Group != "db" && i.Releases["concourse"] != "8.4.0" {
			t.Errorf("%s runs %v", i.Group, i.Releases)
		}
	}
}

// TestConcourse_failsWithoutItsCloudConfig shows that the simulator looks.
func TestConcourse_failsWithoutItsCloudConfig(t *testing.T) {
	in := inputs(t)["default"]
	text := strings.ReplaceAll(string(render(t, "concourse", in)), "vm_type: worker", "vm_type: spot")
	w := newWorld(t, in)
	if task, err := w.Director.Deploy(t.Context(), []byte(text)); err == nil {
		t.Errorf("deployed with a vm_type that the cloud config has not; task %+v", task)
	}
}

// TestKeep_findsTheRunningCredentials joins this manifest with what an upgrade by
// the resource type does: values that are deployed stay.
func TestKeep_findsTheRunningCredentials(t *testing.T) {
	in := inputs(t)["default"]
	tmpl, err := manifest.Concourse(in)
	if err != nil {
		t.Fatal(err)
	}
	text, _, err := manifest.Split(tmpl)
	if err != nil {
		t.Fatal(err)
	}
	kept, unsure, err := template.Keep(text, render(t, "concourse", in))
	if err != nil || len(unsure) != 0 {
		t.Fatalf("unsure of %v, error %v", unsure, err)
	}
	for _, name := range []string{"encryption_key", "token_signing_key", "database_password", "tsa_host_key"} {
		if diff := cmp.Diff(in.Credentials[name], kept[name]); diff != "" {
			t.Errorf("%s (-credential +kept):\n%s", name, diff)
		}
	}
}
