package concourse_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
)

func TestSetTeam_givesATeamExactlyItsMembers(t *testing.T) {
	w := newWorld(t, nil)
	for _, c := range []struct {
		name string
		team string
		want concourse.TeamChange
	}{
		{"a new one", "perpetual", concourse.TeamChange{Created: true}},
		{"as it is", "perpetual", concourse.TeamChange{Members: []string{"member local:perpetual"}}},
		{"one with other members", "dev", concourse.TeamChange{Updated: true, Members: []string{"viewer local:reader"}}},
	} {
		before := len(w.requests("PUT"))
		planned, err := w.client.DiffTeam(t.Context(), c.team, "member", []string{"Perpetual"})
		if diff := cmp.Diff(c.want, planned); diff != "" || err != nil {
			t.Errorf("%s, planned (-want +got): %v\n%s", c.name, err, diff)
		}
		if n := len(w.requests("PUT")); n != before {
			t.Errorf("%s: comparing has written", c.name)
		}
		got, err := w.client.SetTeam(t.Context(), c.team, "member", []string{"Perpetual"})
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s (-want +got): %v\n%s", c.name, err, diff)
		}
		if roles, _ := w.atc.Members(c.team); len(roles) != 1 || roles["perpetual"] != sandbox.Member {
			t.Errorf("%s: the team has %v", c.name, roles)
		}
		if n := len(w.requests("PUT")) - before; (n > 0) != (c.want.Created || c.want.Updated) {
			t.Errorf("%s: %d requests have written", c.name, n)
		}
	}
}

func TestSetTeam_saysWhatItTakes(t *testing.T) {
	w := newWorld(t, nil, as("reader"))
	_, err := w.client.SetTeam(t.Context(), "perpetual", "member", []string{"perpetual"})
	clearly(t, err, "403", "user reader may not do this: it takes an owner of the team main, or of team perpetual")
	if _, there := w.atc.Members("perpetual"); there {
		t.Error("the team was made")
	}
}

func TestArchivePipeline_takesItsConfigAway(t *testing.T) {
	w := newWorld(t, nil)
	w.set(t, selfUpgrade, first)
	for range 2 {
		if err := w.client.ArchivePipeline(t.Context(), selfUpgrade); err != nil {
			t.Fatal(err)
		}
	}
	if c := w.config(t, selfUpgrade); c.Exists {
		t.Errorf("it is there still: %+v", c)
	}
	if all := w.pipelines(t); len(all) != 1 || !all[0].Archived {
		t.Errorf("pipelines %+v", all)
	}
	if err := w.client.ArchivePipeline(t.Context(), concourse.Pipeline{Name: "none"}); !errors.Is(err, concourse.ErrNoPipeline) {
		t.Errorf("error %v", err)
	}
	if !slices.Contains(w.requests("PUT"), "PUT /api/v1/teams/main/pipelines/self-upgrade/archive 200") {
		t.Errorf("requests %q", w.requests("PUT"))
	}
}
