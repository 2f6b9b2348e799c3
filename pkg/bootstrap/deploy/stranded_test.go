package deploy

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/task"
)

// paused is a director that keeps a list, and knows tasks up to 42.
type paused struct {
	list   pause.List
	broken error // what the list fails with
}

func (p paused) Keeper(string) pause.Keeper { return p }

func (p paused) Load(context.Context) (pause.List, string, error) { return p.list, "1", p.broken }

func (p paused) Save(context.Context, pause.List, string) (string, error) {
	return "", errors.New("a comparison writes nothing")
}

func (p paused) Task(_ context.Context, id int) (bosh.Task, error) {
	if id > 42 {
		return bosh.Task{}, bosh.ErrNotFound
	}
	return bosh.Task{ID: id, ContextID: task.Prefix + "x"}, nil
}

func TestCompare_showsPipelinesThatTheVerificationLetsRun(t *testing.T) {
	list := func(own int, phase pause.Phase) pause.List {
		return pause.List{Deployment: "concourse", Phase: phase, Task: own, Pipelines: []pause.Entry{{Team: "main", Name: "app"}}}
	}
	runs := []string{"~ pipeline main/app runs again, which a quiet upgrade has left paused"}
	for name, c := range map[string]struct {
		director paused
		task     int
		deploys  bool
		want     []string
		fails    error
	}{
		"nothing was paused":                         {task: 42},
		"all of it runs again":                       {director: paused{list: list(41, pause.Ended)}, task: 42},
		"the last deploy is the list's":              {director: paused{list: list(42, pause.Paused)}, task: 42, want: runs},
		"the last deploy is older than the list's":   {director: paused{list: list(42, pause.Paused)}, task: 41},
		"a new deploy ends every list":               {director: paused{list: list(42, pause.Paused)}, task: 41, deploys: true, want: runs},
		"nothing was deployed":                       {director: paused{list: list(42, pause.Paused)}},
		"the run has not come to a deploy":           {director: paused{list: list(0, pause.Pausing)}, want: runs},
		"the director has forgotten the last deploy": {director: paused{list: list(42, pause.Paused)}, task: 43, fails: bosh.ErrNotFound},
		"the list cannot be read": {
			director: paused{broken: errors.New("it is not JSON")}, task: 42,
			want: []string{"! whether a quiet upgrade has left pipelines paused is not known: look for pipelines that a quiet upgrade has paused: read the list of paused pipelines: it is not JSON"},
		},
	} {
		got, err := Stranded{Director: c.director, Deployment: "concourse"}.Compare(t.Context(), c.task, c.deploys)
		if !errors.Is(err, c.fails) || !slices.Equal(got.Lines, c.want) {
			t.Errorf("%s: %q, %v; want %q, %v", name, got.Lines, err, c.want, c.fails)
		}
		if changes := len(c.want) > 0 && c.director.broken == nil; got.Changes != changes {
			t.Errorf("%s: it counts as a change: %t", name, got.Changes)
		}
	}
}
