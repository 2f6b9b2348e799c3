package concourse_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
)

// as makes the client another user.
func as(user string) func(*concourse.Config) {
	return func(c *concourse.Config) { c.Username = user }
}

// pipelines lists them without what differs from run to run.
func (w *world) pipelines(t *testing.T) []concourse.PipelineState {
	t.Helper()
	list, err := w.client.Pipelines(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range list {
		if since := time.Since(p.PausedAt); !p.PausedAt.IsZero() && since < time.Hour && p.PausedAt.Nanosecond() == 0 {
			list[i].PausedAt = time.Unix(1, 0)
		}
	}
	return list
}

func TestPipelines_areThoseOfAllTeamsWithWhoPausedThem(t *testing.T) {
	w := newWorld(t, nil)
	instance := concourse.Pipeline{Name: "self-upgrade", InstanceVars: map[string]any{"environment": "production"}}
	w.set(t, selfUpgrade, first)
	w.set(t, instance, first)
	for _, name := range []string{"theirs", "old"} {
		if _, err := w.atc.SetPipeline("dev", name, nil, []byte(third)); err != nil {
			t.Fatal(err)
		}
		if err := w.client.UnpausePipeline(t.Context(), "dev", concourse.Pipeline{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(
		w.client.UnpausePipeline(t.Context(), "", instance), w.client.PausePipeline(t.Context(), "dev", concourse.Pipeline{Name: "theirs"}),
		w.atc.Archive("dev", "old"),
	); err != nil {
		t.Fatal(err)
	}
	want := []concourse.PipelineState{
		{Pipeline: selfUpgrade, ID: 1, Team: "main", Paused: true}, // as it was created: nobody paused it
		{Pipeline: instance, ID: 2, Team: "main"},
		{Pipeline: concourse.Pipeline{Name: "theirs"}, ID: 3, Team: "dev", Paused: true, PausedBy: "admin", PausedAt: time.Unix(1, 0)},
		{Pipeline: concourse.Pipeline{Name: "old"}, ID: 4, Team: "dev", Paused: true, PausedBy: "automatic-pipeline-archiver", PausedAt: time.Unix(1, 0), Archived: true},
	}
	if diff := cmp.Diff(want, w.pipelines(t)); diff != "" {
		t.Errorf("pipelines (-want +got):\n%s", diff)
	}
	if got := instance.String(); got != "self-upgrade/environment:production" {
		t.Errorf("the instance is called %s", got)
	}
}

func TestPausePipeline_leavesItToWhomeverPausedFirst(t *testing.T) {
	w := newWorld(t, nil)
	w.foreign(t, first)
	if err := errors.Join(w.atc.Unpause("main", selfUpgrade.Name), w.atc.Pause("main", selfUpgrade.Name, "ada")); err != nil {
		t.Fatal(err)
	}
	if err := w.client.PausePipeline(t.Context(), "main", selfUpgrade); err != nil {
		t.Fatal(err)
	}
	if p := w.pipelines(t)[0]; !p.Paused || p.PausedBy != "ada" {
		t.Errorf("pipeline %+v, want it paused by ada", p)
	}
}

func TestUnpausePipeline_letsANewPipelineRunAndIsNothingTheSecondTime(t *testing.T) {
	w := newWorld(t, nil)
	w.set(t, selfUpgrade, first)
	if !w.config(t, selfUpgrade).Paused {
		t.Fatal("a new pipeline is not paused, so the test shows nothing")
	}
	for range 2 {
		if err := w.client.UnpausePipeline(t.Context(), "", selfUpgrade); err != nil {
			t.Fatal(err)
		}
		if w.config(t, selfUpgrade).Paused {
			t.Fatal("the pipeline is still paused")
		}
	}
	want := "PUT /api/v1/teams/main/pipelines/self-upgrade/unpause 200"
	if got := w.requests("PUT"); !slices.Contains(got, want) {
		t.Errorf("requests %q, want %s", got, want)
	}
}

func TestPause_saysWhyItCannot(t *testing.T) {
	instance := concourse.Pipeline{Name: "none", InstanceVars: map[string]any{"environment": "production", "n": 2}}
	cases := []struct {
		name   string
		change []func(*concourse.Config)
		team   string
		p      concourse.Pipeline
		is     error
		want   []string
	}{
		{"no pipeline", nil, "main", instance, concourse.ErrNoPipeline, []string{"pause pipeline none/environment:production,n:2 of team main: no such pipeline"}},
		{"no team", nil, "gone", selfUpgrade, concourse.ErrNoPipeline, []string{"self-upgrade of team gone"}},
		{"a viewer of the team", []func(*concourse.Config){as("reader")}, "dev", selfUpgrade, nil,
			[]string{"403", "user reader may not do this: it takes the role pipeline-operator, member or owner in team dev, or an owner of the team main"}},
		{"a stranger", []func(*concourse.Config){as("stranger")}, "main", selfUpgrade, nil,
			[]string{"403", "user stranger may not do this: it takes the role pipeline-operator, member or owner in team main"}},
		{"archived", nil, "dev", concourse.Pipeline{Name: "old"}, nil, []string{"409", "action not allowed for an archived pipeline"}},
		{"no name", nil, "main", concourse.Pipeline{}, nil, []string{"name the pipeline"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil, c.change...)
			for _, name := range []string{selfUpgrade.Name, "old"} {
				if _, err := w.atc.SetPipeline("dev", name, nil, []byte(third)); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.atc.Archive("dev", "old"); err != nil {
				t.Fatal(err)
			}
			err := w.client.PausePipeline(t.Context(), c.team, c.p)
			clearly(t, err, c.want...)
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("error %v is not %v", err, c.is)
			}
			if err := w.client.UnpausePipeline(t.Context(), c.team, c.p); err == nil {
				t.Error("it was unpaused")
			}
		})
	}
}

func TestUser_tellsNameAndRoles(t *testing.T) {
	cases := []struct {
		user string
		want concourse.User
	}{
		{"admin", concourse.User{Name: "admin", Admin: true, Teams: map[string][]string{"main": {"owner"}}}},
		{"reader", concourse.User{Name: "reader", Teams: map[string][]string{"dev": {"viewer"}}}},
	}
	for _, c := range cases {
		got, err := newWorld(t, nil, as(c.user)).client.User(t.Context())
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%v, user (-want +got):\n%s", err, diff)
		}
	}
	w := newWorld(t, answer("/api/v1/user", http.StatusOK, "application/json", `{"is_admin":true}`))
	_, err := w.client.User(t.Context())
	clearly(t, err, "read who is logged in", "names no user")
}
