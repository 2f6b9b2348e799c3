package concourse_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
)

// Three pipelines that differ, and one that is the first in other words.
const (
	first = `
resources:
- {name: components, type: perpetual, source: {watch: {concourse: {version: 8.x}}, github: {token: ((github_token))}}}
- {name: apple, type: time, source: {interval: 300}}
jobs:
- {name: upgrade, serial: true, plan: [{get: components, trigger: true}]}
- {name: verify, plan: [{get: apple}]}
`
	firstInOtherWords = `
# the same, by another author
definitions: {tick: &tick {interval: 3e2}}
jobs:
- {name: verify, plan: [{get: apple}], max_in_flight: 0, serial_groups: null}
- name: upgrade
  serial: yes
  plan:
  - get: components
    trigger: true
    passed: []
resources:
- name: apple
  type: time
  source: *tick
- name: components
  type: perpetual
  source:
    github: {token: "((github_token))"}
    watch: {concourse: {version: "8.x"}}
`
	second = `
jobs: [{name: upgrade, plan: [{get: components}]}]
resources: [{name: components, type: perpetual, source: {}}]
`
	third = `
jobs: [{name: theirs, plan: [{get: components}]}]
resources: [{name: components, type: perpetual, source: {}}]
`
)

const configPath = "/api/v1/teams/main/pipelines/self-upgrade/config"

var selfUpgrade = concourse.Pipeline{Name: "self-upgrade"}

// set sets a pipeline that must be settable.
func (w *world) set(t *testing.T, p concourse.Pipeline, text string) concourse.PipelineChange {
	t.Helper()
	change, err := w.client.SetPipeline(t.Context(), p, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return change
}

// config reads a pipeline.
func (w *world) config(t *testing.T, p concourse.Pipeline) concourse.PipelineConfig {
	t.Helper()
	config, err := w.client.PipelineConfig(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// foreign sets the pipeline as somebody else would.
func (w *world) foreign(t *testing.T, text string) {
	t.Helper()
	if _, err := w.atc.SetPipeline("main", selfUpgrade.Name, nil, []byte(text)); err != nil {
		t.Error(err)
	}
}

func TestSetPipeline_createsPausedThenUpdatesThenLeavesAlone(t *testing.T) {
	w := newWorld(t, nil)
	if c := w.config(t, selfUpgrade); c.Exists || c.YAML != nil {
		t.Errorf("before: %+v", c)
	}
	if c := w.set(t, selfUpgrade, first); !c.Created || c.Updated || len(c.Diff) == 0 {
		t.Errorf("first: %+v", c)
	}
	if c := w.config(t, selfUpgrade); !c.Exists || !c.Paused || c.Version != "1" || !strings.Contains(string(c.YAML), "((github_token))") {
		t.Errorf("after the first: %+v\n%s", c, c.YAML)
	}
	if c := w.set(t, selfUpgrade, second); c.Created || !c.Updated {
		t.Errorf("second: %+v", c)
	}
	if c := w.set(t, selfUpgrade, second); c.Created || c.Updated || c.Diff != nil {
		t.Errorf("second again: %+v", c)
	}
	if puts := w.requests("PUT"); len(puts) != 2 || w.config(t, selfUpgrade).Version != "2" {
		t.Errorf("PUTs: %v", puts)
	}
}

func TestSetPipeline_leavesTheSameInOtherWordsAlone(t *testing.T) {
	w := newWorld(t, nil)
	w.set(t, selfUpgrade, first)
	given := w.config(t, selfUpgrade).YAML
	for name, text := range map[string]string{"other words": firstInOtherWords, "what Concourse gives back": string(given)} {
		if c := w.set(t, selfUpgrade, text); c.Created || c.Updated {
			t.Errorf("%s: %+v", name, c)
		}
	}
	if puts := w.requests("PUT"); len(puts) != 1 {
		t.Errorf("PUTs: %v", puts)
	}
}

func TestSetPipeline_seesTheOrderOfGroups(t *testing.T) {
	w := newWorld(t, nil)
	w.set(t, selfUpgrade, first+"groups: [{name: a, jobs: [upgrade]}, {name: b, jobs: [verify]}]")
	c := w.set(t, selfUpgrade, first+"groups: [{name: b, jobs: [verify]}, {name: a, jobs: [upgrade]}]")
	if !c.Updated || c.Diff[0].Text != "groups" {
		t.Errorf("change %+v", c)
	}
}

func TestSetPipeline_keepsThePauseState(t *testing.T) {
	w := newWorld(t, nil)
	w.set(t, selfUpgrade, first)
	if err := w.atc.Unpause("main", selfUpgrade.Name); err != nil {
		t.Fatal(err)
	}
	w.set(t, selfUpgrade, second)
	if w.config(t, selfUpgrade).Paused {
		t.Error("an unpaused pipeline was paused")
	}
	for _, r := range w.requests("PUT") {
		if !strings.Contains(r, "/config ") {
			t.Errorf("request %s", r)
		}
	}
}

func TestDiffPipeline_changesNothing(t *testing.T) {
	w := newWorld(t, nil)
	for _, step := range []struct {
		text             string
		created, updated bool
	}{{first, true, false}, {first, false, false}, {second, false, true}} {
		c, err := w.client.DiffPipeline(t.Context(), selfUpgrade, []byte(step.text))
		if err != nil || c.Created != step.created || c.Updated != step.updated || (c.Diff != nil) != (c.Created || c.Updated) {
			t.Errorf("change %+v, %v", c, err)
		}
		if step.created {
			w.foreign(t, first)
		}
	}
	if puts := w.requests("PUT"); puts != nil {
		t.Errorf("PUTs: %v", puts)
	}
}

func TestSetPipeline_keepsInstancesApart(t *testing.T) {
	w := newWorld(t, nil)
	instance := func(vars map[string]any) concourse.Pipeline {
		return concourse.Pipeline{Name: "self-upgrade", InstanceVars: vars}
	}
	one := instance(map[string]any{"environment": "production", "shard": map[string]any{"number": 1, "on": true}})
	two := instance(map[string]any{"environment": "production", "shard": map[string]any{"number": 2, "on": true}})
	if !w.set(t, one, first).Created || !w.set(t, two, second).Created || !w.set(t, instance(nil), third).Created {
		t.Error("instances are not pipelines of their own")
	}
	for p, text := range map[*concourse.Pipeline]string{&one: first, &two: second} {
		if c := w.set(t, *p, text); c.Created || c.Updated {
			t.Errorf("again %v: %+v", p, c)
		}
	}
	if c := w.config(t, two); !c.Exists || !c.Paused || c.Version != "2" {
		t.Errorf("second instance: %+v", c)
	}
}

func TestSetPipeline_saysWhatConcourseRefuses(t *testing.T) {
	cases := []struct{ name, text, want string }{
		{"unknown resource", "jobs: [{name: a, plan: [{get: nothing}]}]", "unknown resource 'nothing'"},
		{"no jobs", "resources: [{name: a, type: time, source: {}}]", "at least one job"},
		{"a key that nobody knows", "jobs: [{name: a, plans: []}]", `unknown field "plans"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			_, err := w.client.SetPipeline(t.Context(), selfUpgrade, []byte(c.text))
			clearly(t, err, "set pipeline self-upgrade: Concourse refuses the pipeline", c.want)
			var invalid *concourse.InvalidError
			if !errors.As(err, &invalid) || len(invalid.Errors) == 0 {
				t.Errorf("error %T is not an InvalidError", err)
			}
			for _, e := range w.atc.Events() {
				if e.Kind == sandbox.KindCreate {
					t.Errorf("event %+v", e)
				}
			}
		})
	}
}

func TestSetPipeline_refusesWhatIsNoPipelineBeforeItAsks(t *testing.T) {
	cases := []struct {
		name, text, pipeline, want string
	}{
		{"no YAML", "jobs: [", "a", "parse pipeline a"},
		{"a string", canary, "a", "parse pipeline a"},
		{"wrong type", "jobs: {name: x}", "a", "cannot unmarshal object"},
		{"step of no kind", "jobs: [{name: x, plan: [{}]}]", "a", "no step configured"},
		{"no name", first, "", "name the pipeline"},
		{"path in the name", first, "a/../b", "name the pipeline"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			_, err := w.client.SetPipeline(t.Context(), concourse.Pipeline{Name: c.pipeline}, []byte(c.text))
			clearly(t, err, c.want)
			if n := len(w.atc.Requests()); n != 0 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestSetPipeline_passesWarningsOn(t *testing.T) {
	w := newWorld(t, nil)
	w.set(t, concourse.Pipeline{Name: "Self-Upgrade"}, first)
	if !strings.Contains(w.said(), "invalid_identifier") || !strings.Contains(w.said(), "'Self-Upgrade' is not a valid identifier") {
		t.Errorf("notes %q", w.said())
	}
}

func TestPipeline_saysWhoMayNot(t *testing.T) {
	as := func(user, team string) func(*concourse.Config) {
		return func(c *concourse.Config) { c.Username, c.Team = user, team }
	}
	cases := []struct {
		name   string
		change func(*concourse.Config)
		is     error
		want   []string
	}{
		{"unknown team", as("admin", "nobodys"), concourse.ErrNoTeam, []string{"read pipeline self-upgrade", "no such team: nobodys"}},
		{"not in the team", as("stranger", "main"), nil, []string{"403", "user stranger may not do this in team main"}},
		{"only a viewer", as("reader", "dev"), nil, []string{"set pipeline", "403", "role member or owner"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil, c.change)
			_, err := w.client.SetPipeline(t.Context(), selfUpgrade, []byte(first))
			clearly(t, err, c.want...)
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("error %v is not %v", err, c.is)
			}
		})
	}
}
