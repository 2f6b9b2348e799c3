package main

import (
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

func TestWorkerName_isThatOfTheBOSHRelease(t *testing.T) {
	t.Parallel()
	got := workerName("1a2b3c4d-0000-4000-8000-000000000001", "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee")
	if want := "1a2b3c4d-bbbb-cccc-dddd-eeeeeeeeeeee"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSlot_knowsTheNamesOfReplacedVMs(t *testing.T) {
	t.Parallel()
	s := &site{}
	s.slots.add("first", "worker-0")
	s.slots.add("second", "worker-0")
	for worker, want := range map[string]string{"first": "worker-0", "second": "worker-0", "foreign": "foreign"} {
		if got := s.slot(worker); got != want {
			t.Errorf("%s is on %s, want %s", worker, got, want)
		}
	}
}

func TestWatchTime_isTheManifestsLeast(t *testing.T) {
	t.Parallel()
	const manifest = `
update: {canary_watch_time: 30000-600000, update_watch_time: 20000}
instance_groups:
- name: web
  update: {canary_watch_time: 300000-7200000}
- name: worker
`
	for _, c := range []struct {
		group  string
		canary bool
		want   time.Duration // of a real director
	}{
		{"web", true, 300 * time.Second}, {"web", false, 20 * time.Second},
		{"worker", true, 30 * time.Second}, {"worker", false, 20 * time.Second},
	} {
		got, err := watchTime(director.Update{Group: c.group, Canary: c.canary, Manifest: []byte(manifest)})
		if want := time.Duration(float64(c.want) * directorScale); err != nil || got != want {
			t.Errorf("%s, canary %t: got %s (%v), want %s", c.group, c.canary, got, err, want)
		}
	}
	if got, err := watchTime(director.Update{Group: "web", Manifest: []byte("update: {}")}); err == nil {
		t.Errorf("got %s of a manifest that has none", got)
	}
}

func TestConcourseReleases_canBeBuiltForEveryScenario(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, r := range concourseReleases() {
		if known[r.version] {
			t.Errorf("%s is there twice", r.version)
		}
		known[r.version] = true
	}
	for _, version := range concourses(scenarios()) {
		if !known[version] {
			t.Errorf("%s has no source", version)
		}
	}
}

func TestWithoutGate_takesOnlyTheReleaseOfOurOwn(t *testing.T) {
	t.Parallel()
	const text = `
releases: [{name: concourse, version: "1"}, {name: perpetual, version: "2"}]
update: {serial: true}
instance_groups:
- name: web
  jobs: [{name: web, release: concourse}, {name: gate, release: perpetual}]
`
	got, err := withoutGate([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(got), "perpetual") || strings.Contains(string(got), "gate") {
		t.Errorf("got %s", got)
	}
	for _, kept := range []string{"concourse", "serial", "name: web"} {
		if !strings.Contains(string(got), kept) {
			t.Errorf("%q is gone: %s", kept, got)
		}
	}
}
