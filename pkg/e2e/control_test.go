package main

import (
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pipelines"
)

// Every control has to change what the bundled pipeline says, or it would show
// the design instead of what that avoids.
func TestControls_changeTheBundledPipeline(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, c := range controls() {
		text, err := changeUpgrade(string(pipelines.SelfUpgrade()), c.change)
		if err != nil {
			t.Fatalf("%s: %v", c.title, err)
		}
		if other := seen[text]; other != "" {
			t.Errorf("%s is the same pipeline as %s", c.title, other)
		}
		seen[text] = c.title
		var pipeline struct{ Jobs []struct{ Name string } }
		if err := yaml.Unmarshal([]byte(text), &pipeline); err != nil || len(pipeline.Jobs) != 2 {
			t.Errorf("%s: got %v (%v), want both jobs", c.title, pipeline.Jobs, err)
		}
	}
}

func TestChangeUpgrade_refusesAPipelineWithoutTheUpgrade(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"no pipeline": "jobs: [", "no job": "jobs: []", "another end": "jobs: [{name: upgrade, plan: [{put: other, params: {}}]}]",
	} {
		if got, err := changeUpgrade(text, func(_, _ map[string]any) {}); err == nil {
			t.Errorf("%s: got %q, want an error", name, got)
		}
	}
}

func TestChoose_picksByNumber(t *testing.T) {
	t.Parallel()
	all, err := choose("all")
	if err != nil || len(all) != 17 {
		t.Errorf("got %d scenarios (%v), want 17", len(all), err)
	}
	two, err := choose("3,1")
	if err != nil || len(two) != 2 || two[0].number != 3 || two[1].number != 1 {
		t.Errorf("got %v (%v), want 3 and 1", two, err)
	}
	if _, err := choose("18"); err == nil {
		t.Error("got no error for a scenario that there is not")
	}
}
