package upgrade_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

func TestOut_startsNothingWhenNothingHasChanged(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.current(t)
		result, err := f.out(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if done := f.all(); len(done) > 0 {
			t.Errorf("it changed %q", done)
		}
		want := resource.Result{Version: resource.Version{"task": "7"}, Metadata: []resource.Field{
			{Name: "concourse", Value: "8.2.0 (unchanged)"}, {Name: "stemcell", Value: "1.1340 (unchanged)"},
			{Name: "perpetual", Value: "1.3.0 (unchanged)"}, {Name: "deploy", Value: "nothing to deploy"},
			{Name: "director task", Value: "7"}, {Name: "follow it", Value: "bosh -e https://10.0.0.6:25555 task 7"},
			{Name: "pipeline", Value: "self-upgrade: unchanged"},
		}}
		if diff := cmp.Diff(want, result); diff != "" {
			t.Errorf("result (-want +got):\n%s", diff)
		}
		wantText(t, "log", f.log.String(), "nothing has changed, so nothing is started", "bring stemcell and releases: all are there")
	})
}

func TestOut_answersTaskZeroWhenTheDirectorHasForgottenTheLastDeploy(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.current(t)
		f.director.tasks = nil
		result, err := f.out(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if !result.Version.Equal(resource.Version{"task": "0"}) || f.count("deploy") != 0 {
			t.Errorf("version = %v with %d deploys, want task 0 with none", result.Version, f.count("deploy"))
		}
		for _, field := range result.Metadata {
			if field.Name == "director task" || field.Name == "follow it" {
				t.Errorf("metadata has %v, and there is no task", field)
			}
		}
	})
}

func TestOut_deploysTheSameContentAgainOnlyAfterAFailure(t *testing.T) {
	for _, c := range []struct {
		name    string
		states  []string // of the tasks 8, 9, …
		deploys int
	}{
		{"it failed", []string{bosh.StateError}, 1},
		{"it timed out", []string{bosh.StateTimeout}, 1},
		{"it was cancelled", []string{bosh.StateCancelled}, 1},
		{"it failed and was repaired", []string{bosh.StateError, bosh.StateDone}, 0},
		{"it failed after a good one", []string{bosh.StateDone, bosh.StateError}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.current(t)
				for i, state := range c.states {
					f.director.past(8+i, state)
				}
				if _, err := f.out(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
				if n := f.count("deploy"); n != c.deploys {
					t.Errorf("%d deploys, want %d", n, c.deploys)
				}
				if c.deploys > 0 {
					wantText(t, "log", f.log.String(), "the last deploy, ended as "+c.states[len(c.states)-1]+": deploying again")
				}
			})
		})
	}
}

func TestOut_handsTheOptionsToTheDirector(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*resource.OutParams)
		want bosh.DeployOptions
	}{
		{"recreate", func(p *resource.OutParams) { p.Recreate = true }, bosh.DeployOptions{Recreate: true}},
		{"fix", func(p *resource.OutParams) { p.Fix = true }, bosh.DeployOptions{Fix: true}},
		{"drain and pace", func(p *resource.OutParams) {
			p.Recreate, p.SkipDrain, p.Canaries, p.MaxInFlight = true, []string{"worker"}, json.Number("2"), "10%"
		}, bosh.DeployOptions{Recreate: true, SkipDrain: []string{"worker"}, Canaries: "2", MaxInFlight: "10%"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.current(t)
				if _, err := f.out(t.Context(), c.edit); err != nil {
					t.Fatal(err)
				}
				if n := f.count("deploy"); n != 1 {
					t.Fatalf("%d deploys of the same content, want the forced one", n)
				}
				got := f.director.options[0]
				if diff := cmp.Diff(c.want, got, cmpopts.IgnoreFields(bosh.DeployOptions{}, "ContextID", "DiffContext")); diff != "" {
					t.Errorf("options (-want +got):\n%s", diff)
				}
				if string(got.DiffContext) != `{"cloud_config_ids":[1]}` {
					t.Errorf("the diff's context did not go back: %s", got.DiffContext)
				}
			})
		})
	}
}

// identity is the context id with which a deploy is submitted.
func identity(t *testing.T, edit func(t *testing.T, f *fixture, p *resource.OutParams)) string {
	t.Helper()
	var id string
	play(t, func(t *testing.T, f *fixture) {
		_, err := f.out(t.Context(), func(p *resource.OutParams) { edit(t, f, p) })
		if err != nil {
			t.Fatal(err)
		}
		id = f.contextID(t)
	})
	return id
}

func TestOut_identifiesADeployByItsContent(t *testing.T) {
	same := func(*testing.T, *fixture, *resource.OutParams) {}
	base := identity(t, same)
	if len(base) > 64 || !strings.HasPrefix(base, "perpetual-") {
		t.Errorf("context id %q: the director takes 64 characters", base)
	}
	reordered := func(t *testing.T, f *fixture, _ *resource.OutParams) {
		groups := strings.SplitAfter(string(manifestTemplate(t)), "stemcells:")
		f.write(t, "manifest.yml", "# other order, same content\n"+
			strings.ReplaceAll(strings.Join(groups, ""), "{name: concourse, version: ((concourse_version))}", `{version: "((concourse_version))",   name: concourse}`))
	}
	for name, edit := range map[string]func(t *testing.T, f *fixture, p *resource.OutParams){
		"again":               same,
		"keys in other order": reordered,
		"not detached":        func(_ *testing.T, _ *fixture, p *resource.OutParams) { p.Timeout.Duration = 1e12 },
	} {
		if id := identity(t, edit); id != base {
			t.Errorf("%s: %s, want the same %s", name, id, base)
		}
	}
	seen := map[string]string{base: "the first"}
	for name, edit := range map[string]func(t *testing.T, f *fixture, p *resource.OutParams){
		"another version": func(t *testing.T, f *fixture, _ *resource.OutParams) { f.set(t, "8.2.2", "1.1364") },
		"another value":   func(_ *testing.T, _ *fixture, p *resource.OutParams) { p.Vars = map[string]any{"worker_instances": 3} },
		"another cloud config": func(t *testing.T, f *fixture, p *resource.OutParams) {
			f.write(t, "c.yml", "azs: []")
			p.CloudConfig = "c.yml"
		},
		"recreate": func(_ *testing.T, _ *fixture, p *resource.OutParams) { p.Recreate = true },
		"fix":      func(_ *testing.T, _ *fixture, p *resource.OutParams) { p.Fix = true },
		"another deployment": func(t *testing.T, f *fixture, _ *resource.OutParams) {
			f.name = "staging"
			f.director.record("staging", f.manifest(t, map[string]any{"deployment_name": "staging"}))
		},
	} {
		id := identity(t, edit)
		if other, taken := seen[id]; taken {
			t.Errorf("%s and %s have the same context id %s", name, other, id)
		}
		seen[id] = name
	}
}

// Between the look at the tasks and the comparison, another put's deploy of the
// same content begins and ends.
func TestOut_answersTheDeployThatMadeItSo(t *testing.T) {
	for _, c := range []struct {
		name, note string
		takes      time.Duration
	}{{"it has ended", "nothing to deploy", 0}, {"it still runs", "joined: it was running already", time.Hour}} {
		t.Run(c.name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				if _, err := f.out(t.Context(), nil); err != nil { // to learn the context id
					t.Fatal(err)
				}
				id, wanted := f.contextID(t), []byte(f.submitted(t))
				time.Sleep(long)
				f.director.record("concourse", f.manifest(t, nil))
				f.director.onDiff = func() {
					f.director.onDiff = nil
					other := foreign("create deployment", c.takes, bosh.StateDone)
					other.ContextID = id
					f.director.add(other)
					f.director.record("concourse", wanted)
				}
				result, err := f.out(t.Context(), nil)
				if err != nil || result.Version["task"] != "11" || f.count("deploy") != 1 {
					t.Errorf("version %v with %d deploys, %v, want task 11 of the other put", result.Version, f.count("deploy"), err)
				}
				wantText(t, "metadata", fmt.Sprint(result.Metadata), c.note)
			})
		})
	}
}
