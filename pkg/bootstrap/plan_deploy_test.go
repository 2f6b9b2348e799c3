package bootstrap_test

import (
	"context"
	"slices"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// comparing is a director that says how the manifest differs.
type comparing struct {
	empty
	lines []bosh.DiffLine
}

func (comparing) CloudConfig(context.Context) (bosh.ConfigVersion, error) {
	return bosh.ConfigVersion{}, bosh.ErrNotFound
}

func (comparing) Tasks(context.Context, bosh.TaskFilter) ([]bosh.Task, error) { return nil, nil }

func (c comparing) Diff(context.Context, string, []byte) (bosh.Diff, error) {
	return bosh.Diff{Lines: c.lines}, nil
}

// teamless is a Concourse whose teams cannot be read, so that the plan ends there.
type teamless struct{ silent }

func (teamless) DiffTeam(context.Context, string, string, []string) (concourse.TeamChange, error) {
	return concourse.TeamChange{}, errNoDirector
}

// Whoever interrupts a plan while it discards its change set leaves none behind.
func TestPlan_discardsItsChangeSetWhileItIsInterrupted(t *testing.T) {
	c, cfg := installed(t), given()
	cfg.Access.Director = []string{"192.0.2.0/24"}
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	c.discarding = interrupt
	i, _ := c.install(t, cfg)
	before := c.discarded
	if _, err := i.Plan(ctx, bootstrap.Options{}); ctx.Err() == nil || c.discarded != before+1 {
		t.Errorf("%d change sets were discarded, want 1; interrupted: %v; the plan ends with %v", c.discarded-before, ctx.Err(), err)
	}
}

// A plan shows all of a difference, also what reads like a remark on another one.
func TestPlan_showsEveryLineOfTheManifestsDifference(t *testing.T) {
	c := installed(t)
	i, _ := c.install(t, given())
	lines := []bosh.DiffLine{
		{Text: "properties:"}, {Text: "  state: unchanged", Op: "added"}, {Text: "  cloud config: would change: false", Op: "removed"},
		{Text: "  text: |\npipeline: main", Op: "added"}, {Text: ""},
	}
	i.Director = func(resource.Director) (bootstrap.Director, func(), error) {
		return comparing{lines: lines}, func() {}, nil
	}
	i.ATC = func(resource.Concourse) (bootstrap.ATC, error) { return teamless{}, nil }
	plan, err := i.Plan(t.Context(), bootstrap.Options{})
	at := slices.IndexFunc(plan.Steps, func(s step.Planned) bool { return s.Step == "deploy" })
	if at < 0 {
		t.Fatalf("the plan has no deploy: %+v, %v", plan.Steps, err)
	}
	shown := plan.Steps[at].Lines
	begin := slices.Index(shown, "manifest of concourse would change:")
	want := []string{"    properties:", "  +   state: unchanged", "  -   cloud config: would change: false", "  +   text: |\npipeline: main", "    "}
	if begin < 0 || len(shown) < begin+1+len(want) || !slices.Equal(shown[begin+1:begin+1+len(want)], want) {
		t.Errorf("it shows\n%q", shown)
	}
}
