package concourse_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
)

// busy is a Concourse with a worker and an unpaused pipeline.
func busy(t *testing.T, change ...func(*concourse.Config)) *world {
	t.Helper()
	w := newWorld(t, nil, change...)
	w.atc.RegisterWorker("one", "")
	w.foreign(t, first)
	if err := w.atc.Unpause("main", selfUpgrade.Name); err != nil {
		t.Fatal(err)
	}
	return w
}

// start starts a build.
func (w *world) start(t *testing.T, job string) *sandbox.Build {
	t.Helper()
	b, err := w.atc.StartBuild("main", selfUpgrade.Name, job, "", false)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// finish ends builds.
func finish(t *testing.T, status string, builds ...*sandbox.Build) {
	t.Helper()
	for _, b := range builds {
		if err := b.Finish(status); err != nil {
			t.Fatal(err)
		}
	}
}

// oneOff starts a one-off build.
func (w *world) oneOff(t *testing.T) *sandbox.Build {
	t.Helper()
	b, err := w.atc.StartOneOff("dev", "")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// startedIDs are the ids of the builds that the client finds.
func (w *world) startedIDs(t *testing.T) []int {
	t.Helper()
	builds, err := w.client.StartedBuilds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ids := []int{}
	for _, b := range builds {
		if b.Status != "started" {
			t.Errorf("build %+v is not started", b)
		}
		ids = append(ids, b.ID)
	}
	return ids
}

func TestTriggerJob_createsABuildThatWaitsForThePipeline(t *testing.T) {
	w := busy(t)
	if err := w.atc.Pause("main", selfUpgrade.Name, "ada"); err != nil {
		t.Fatal(err)
	}
	build, err := w.client.TriggerJob(t.Context(), selfUpgrade, "upgrade")
	want := concourse.Build{ID: 1, Team: "main", Pipeline: "self-upgrade", Job: "upgrade", Name: "1", Status: "pending", CreatedBy: "admin"}
	if diff := cmp.Diff(want, build); diff != "" || err != nil {
		t.Fatalf("%v, build (-want +got):\n%s", err, diff)
	}
	if ids := w.startedIDs(t); len(ids) != 0 {
		t.Errorf("started %v", ids)
	}
	if err := w.client.UnpausePipeline(t.Context(), "", selfUpgrade); err != nil {
		t.Fatal(err)
	}
	got, err := w.client.Build(t.Context(), 1)
	want.Status = "started"
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(concourse.Build{}, "StartTime")); diff != "" || err != nil || time.Since(got.StartTime) > time.Hour {
		t.Errorf("%v, at %s, build (-want +got):\n%s", err, got.StartTime, diff)
	}
}

func TestBuilds_sayWhyNot(t *testing.T) {
	const noManual = "jobs: [{name: verify, disable_manual_trigger: true, plan: [{get: apple}]}, {name: other, plan: [{get: apple}]}]\nresources: [{name: apple, type: time, source: {}}]"
	trigger := func(p concourse.Pipeline, job string) func(*testing.T, *world) error {
		return func(t *testing.T, w *world) error {
			_, err := w.client.TriggerJob(t.Context(), p, job)
			return err
		}
	}
	read := func(t *testing.T, w *world) error { _, err := w.client.Build(t.Context(), 1); return err }
	cases := []struct {
		name, user string
		do         func(*testing.T, *world) error
		is         error
		want       []string
	}{
		{"no job", "admin", trigger(selfUpgrade, "none"), concourse.ErrNoJob, []string{"trigger job none of pipeline self-upgrade: no such job or pipeline"}},
		{"no pipeline", "admin", trigger(concourse.Pipeline{Name: "x", InstanceVars: map[string]any{"n": 1}}, "verify"), concourse.ErrNoJob, []string{"pipeline x/n:1"}},
		{"not by hand", "admin", trigger(selfUpgrade, "verify"), nil, []string{"409", "disable_manual_trigger"}},
		{"no right", "stranger", trigger(selfUpgrade, "other"), nil, []string{"403", "pipeline-operator, member or owner in team main"}},
		{"no name", "admin", trigger(selfUpgrade, ""), nil, []string{"not a valid job name"}},
		{"no build", "admin", read, concourse.ErrNoBuild, []string{"read build 1: no such build"}},
		{"another team's build", "stranger", func(t *testing.T, w *world) error {
			w.start(t, "other")
			return read(t, w)
		}, nil, []string{"read build 1", "403", "viewer in the build's team"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := busy(t, as(c.user))
			w.foreign(t, noManual)
			err := c.do(t, w)
			clearly(t, err, c.want...)
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("error %v is not %v", err, c.is)
			}
		})
	}
}

func TestBuilds_noticeWhatIsNoConcourse(t *testing.T) {
	w := newWorld(t, func(http.Handler) http.Handler { return http.HandlerFunc(giveNothing) })
	_, err := w.client.Build(t.Context(), 1)
	clearly(t, err, "read build 1", "names no build")
	_, err = w.client.TriggerJob(t.Context(), selfUpgrade, "upgrade")
	clearly(t, err, "trigger job upgrade", "names no build")
}

func TestTriggerJob_isNotRepeatedWhenItsReplyIsLost(t *testing.T) {
	w := newWorld(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(rw, r)
			if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/builds") {
				panic(http.ErrAbortHandler)
			}
		})
	})
	w.foreign(t, first)
	_, err := w.client.TriggerJob(t.Context(), selfUpgrade, "upgrade")
	clearly(t, err, "trigger job upgrade of pipeline self-upgrade", "whether it was triggered is not known")
	if n := len(w.requests("POST")); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestStartedBuilds_areOfAllTeamsAndOfEveryKind(t *testing.T) {
	w := busy(t)
	finish(t, "succeeded", w.start(t, "verify"))
	running := w.start(t, "verify")
	oneOff := w.oneOff(t)
	rerun := w.atc.RerunBuild(running, "ada")
	if err := w.atc.Pause("main", selfUpgrade.Name, "ada"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.client.TriggerJob(t.Context(), selfUpgrade, "upgrade"); err != nil { // it stays pending
		t.Fatal(err)
	}
	builds, err := w.client.StartedBuilds(t.Context())
	want := []concourse.Build{
		{ID: running.ID(), Team: "main", Pipeline: "self-upgrade", Job: "verify", Name: "2", Status: "started"},
		{ID: oneOff.ID(), Team: "dev", Name: "1", Status: "started"},
		{ID: rerun.ID(), Team: "main", Pipeline: "self-upgrade", Job: "verify", Name: "2.1", Status: "started", CreatedBy: "ada"},
	}
	if diff := cmp.Diff(want, builds, cmpopts.IgnoreFields(concourse.Build{}, "StartTime")); diff != "" || err != nil {
		t.Errorf("%v, builds (-want +got):\n%s", err, diff)
	}
	if gets := w.requests("GET"); len(gets) != 1 {
		t.Errorf("requests %q, want one for so few builds", gets)
	}
}

// A build of any kind is found however far back it is in the list of builds.
func TestStartedBuilds_findsWhatStartedLongAgo(t *testing.T) {
	w := busy(t)
	old := w.start(t, "upgrade")
	finish(t, "succeeded", old)
	first := w.start(t, "verify")
	second := w.start(t, "verify") // the job names only the first
	oneOff := w.oneOff(t)
	oldRerun := w.atc.RerunBuild(old, "ada") // of a job with a newer build: it has no next build
	finish(t, "succeeded", w.start(t, "upgrade"))
	failed := w.start(t, "upgrade")
	finish(t, "failed", failed) // its containers are kept
	for range 600 {
		finish(t, "succeeded", w.oneOff(t))
	}
	last := w.oneOff(t)
	want := []int{first.ID(), second.ID(), oneOff.ID(), oldRerun.ID(), last.ID()}
	if diff := cmp.Diff(want, w.startedIDs(t)); diff != "" {
		t.Errorf("builds (-want +got):\n%s", diff)
	}
	// Two pages of builds, jobs, teams, containers of two teams, and the four old ones.
	if gets := w.requests("GET"); len(gets) != 10 {
		t.Errorf("%d requests: %q", len(gets), gets)
	}
}

// It stands far back, beside the build that it runs again, and for a moment it
// has no container.
func TestStartedBuilds_findsANewRerunOfAnOldBuild(t *testing.T) {
	w := newWorld(t, answer("/api/v1/teams/main/containers", http.StatusOK, "application/json", "[]"))
	w.atc.RegisterWorker("one", "")
	w.foreign(t, first)
	if err := w.atc.Unpause("main", selfUpgrade.Name); err != nil {
		t.Fatal(err)
	}
	old := w.start(t, "verify")
	finish(t, "failed", old)
	for range 600 {
		finish(t, "succeeded", w.oneOff(t))
	}
	rerun := w.atc.RerunBuild(old, "ada")
	for range 5 {
		finish(t, "succeeded", w.oneOff(t))
	}
	if diff := cmp.Diff([]int{rerun.ID()}, w.startedIDs(t)); diff != "" {
		t.Errorf("builds (-want +got):\n%s", diff)
	}
}

func TestStartedBuilds_leavesOutChecks(t *testing.T) {
	const list = `[{"id":1,"name":"check","status":"started","team_name":"main","pipeline_name":"p","resource_name":"r"},` +
		`{"id":2,"name":"check","status":"started","team_name":"main"},{"id":3,"name":"1","status":"started","team_name":"main"}]`
	w := newWorld(t, answer("/api/v1/builds", http.StatusOK, "application/json", list))
	if diff := cmp.Diff([]int{3}, w.startedIDs(t)); diff != "" {
		t.Errorf("builds (-want +got):\n%s", diff)
	}
}

func TestStartedBuilds_failsRatherThanMissingOne(t *testing.T) {
	for _, path := range []string{"/api/v1/builds", "/api/v1/jobs", "/api/v1/teams", "/api/v1/teams/dev/containers", "/api/v1/builds/1"} {
		t.Run(path, func(t *testing.T) {
			w := newWorld(t, answer(path, http.StatusForbidden, "text/plain", "forbidden"))
			w.atc.RegisterWorker("one", "")
			w.oneOff(t)
			for range 500 {
				finish(t, "succeeded", w.oneOff(t))
			}
			_, err := w.client.StartedBuilds(t.Context())
			clearly(t, err, "list the started builds", "403", path)
		})
	}
}

// A pipeline or a team may be deleted between two requests.
func TestStartedBuilds_goesOnWithoutWhatIsDeletedMeanwhile(t *testing.T) {
	for _, path := range []string{"/api/v1/teams/dev/containers", "/api/v1/builds/1"} {
		t.Run(path, func(t *testing.T) {
			w := newWorld(t, answer(path, http.StatusNotFound, "text/plain", ""))
			w.atc.RegisterWorker("one", "")
			w.oneOff(t)
			for range 500 {
				finish(t, "succeeded", w.oneOff(t))
			}
			last := w.oneOff(t)
			if diff := cmp.Diff([]int{last.ID()}, w.startedIDs(t)); diff != "" {
				t.Errorf("builds (-want +got):\n%s", diff)
			}
		})
	}
}
