package command_test

import (
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/bosh/client"
	"github.com/perpetual-ci/perpetual/pkg/bosh/transport"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/concourse/session"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/state"
	"github.com/perpetual-ci/perpetual/pkg/state/lease"
)

// quiet is a director with a Concourse of two teams whose pipelines a quiet
// upgrade has paused.
type quiet struct {
	*stage
	web      *sandbox.Server
	director *client.Client
	pause    pause.Pause
	build    *sandbox.Build // that has paused
	source   object
}

const onePipeline = "jobs: [{name: test, plan: [{get: apple}]}]\nresources: [{name: apple, type: time, source: {}}]"

// newQuiet pauses what the teams have; inState keeps the list in a state store.
func newQuiet(t *testing.T, inState bool) *quiet {
	t.Helper()
	q := &quiet{stage: newStage(t)}
	q.web = sandbox.New(sandbox.Options{
		Users: map[string]string{world.ConcourseUser: world.ConcoursePass, "ada": world.ConcoursePass},
		Teams: map[string]map[string]string{"main": {world.ConcourseUser: sandbox.Owner, "ada": sandbox.Member}, "dev": {"ada": sandbox.Owner}},
	})
	server := httptest.NewServer(q.web)
	t.Cleanup(server.Close)
	q.source = q.DeploymentSource()
	q.source["concourse"] = object{"url": server.URL, "username": world.ConcourseUser, "password": world.ConcoursePass}
	for _, name := range []string{"main/self-upgrade", "main/app", "main/lib", "dev/app"} {
		team, name, _ := strings.Cut(name, "/")
		if _, err := q.web.SetPipeline(team, name, nil, []byte(onePipeline)); err != nil {
			t.Fatal(err)
		}
		if err := q.web.Unpause(team, name); err != nil {
			t.Fatal(err)
		}
	}
	q.web.RegisterWorker("worker", "")
	var err error
	if q.build, err = q.web.StartBuild("main", "self-upgrade", "test", "", false); err != nil {
		t.Fatal(err)
	}
	q.begin(t, server.URL, inState)
	return q
}

// begin pauses, as the build does.
func (q *quiet) begin(t *testing.T, url string, inState bool) {
	t.Helper()
	web, err := concourse.New(concourse.Config{Config: session.Config{URL: url, Username: world.ConcourseUser, Password: secret.New(world.ConcoursePass)}})
	if err != nil {
		t.Fatal(err)
	}
	q.director, err = client.New(client.Config{Config: transport.Config{URL: q.URLs["director"], CACert: q.CA, Client: world.DirectorClient, ClientSecret: secret.New(world.DirectorSecret)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.director.Close() })
	keeper := pause.InDirector(q.director, "concourse")
	if inState {
		dir := t.TempDir()
		store, err := state.NewDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		q.source["state"] = object{"dir": dir}
		keeper = pause.InState(store, "concourse")
	}
	q.pause = pause.Pause{
		ATC: web, Keeper: keeper, Deployment: "concourse",
		Own: pause.Own{Team: "main", Pipeline: "self-upgrade", Job: "test", Name: "1", BuildID: q.build.ID()},
	}
	if err := q.pause.Begin(t.Context(), "8.2.5", "8.3.0"); err != nil {
		t.Fatal(err)
	}
	q.wants(t, true)
	q.forget()
}

// over ends the build that has paused: it was killed, or has failed.
func (q *quiet) over(t *testing.T) {
	t.Helper()
	if err := q.build.Finish("errored"); err != nil {
		t.Fatal(err)
	}
}

// wants wants everything but our own pipeline paused, or nothing.
func (q *quiet) wants(t *testing.T, paused bool) {
	t.Helper()
	list, err := q.pause.ATC.Pipelines(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list {
		if p.Paused != (paused && p.Name != "self-upgrade") {
			t.Errorf("pipeline %s/%s is paused: %t", p.Team, p.Name, p.Paused)
		}
	}
	if _, found, err := q.pause.Look(t.Context()); err != nil || found != paused {
		t.Errorf("a list is found: %t, %v", found, err)
	}
}

func (q *quiet) resume(t *testing.T, args ...string) process {
	t.Helper()
	p := invocation{args: append([]string{"resume"}, args...), stdin: stdin(t, object{"source": q.source})}.run(t)
	hides(t, p, credentials()...)
	return p
}

// resumed wants the resume to have gone well and said all parts.
func resumed(t *testing.T, p process, parts ...string) {
	t.Helper()
	if p.code != 0 || p.stdout != "" {
		t.Errorf("exit code %d, stdout %q\n%s", p.code, p.stdout, p.stderr)
	}
	for _, part := range parts {
		if !strings.Contains(p.stderr, part+"\n") {
			t.Errorf("it does not say %q:\n%s", part, p.stderr)
		}
	}
}

const nothingPaused = "nothing is paused by a quiet upgrade of concourse"

func TestResume_unpausesWhatAKilledUpgradeHasPaused(t *testing.T) {
	t.Parallel()
	for place, inState := range map[string]bool{"in the state store": true, "in the director's configs": false} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			q := newQuiet(t, inState)
			q.over(t)
			resumed(t, q.resume(t), "unpaused main/app", "unpaused main/lib", "unpaused dev/app")
			q.wants(t, false)
			resumed(t, q.resume(t), nothingPaused)
			resumed(t, invocation{path: perpetualBinary, args: []string{"resume"}, stdin: stdin(t, object{"source": q.source})}.run(t), nothingPaused)
		})
	}
}

// A source may have got its state section since.
func TestResume_looksAtTheDirectorToo(t *testing.T) {
	t.Parallel()
	q := newQuiet(t, false)
	q.over(t)
	q.source["state"] = object{"dir": t.TempDir()}
	resumed(t, q.resume(t), "unpaused dev/app")
	q.wants(t, false)
}

func TestResume_leavesToPeopleWhatIsTheirs(t *testing.T) {
	t.Parallel()
	q := newQuiet(t, false)
	q.over(t)
	for _, do := range []error{q.web.Unpause("main", "app"), q.web.Unpause("main", "lib"), q.web.Pause("main", "lib", "ada")} {
		if do != nil {
			t.Fatal(do)
		}
	}
	p := q.resume(t)
	resumed(t, p, "main/self-upgrade/test #1 has paused pipelines since "+q.since(t), "unpaused dev/app", "left paused main/lib (paused by ada since)")
	if strings.Contains(p.stderr, "main/app") {
		t.Errorf("it names what was unpaused before:\n%s", p.stderr)
	}
}

// since is how the head of the list is told.
func (q *quiet) since(t *testing.T) string {
	t.Helper()
	list, _, err := q.pause.Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return list.Since.Format("2006-01-02 15:04:05") + " UTC, for 8.2.5 → 8.3.0"
}

func TestResume_refusesWhileTheUpgradeIsUnderWay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		inState bool
		under   func(*testing.T, *quiet)
		want    []string
	}{
		"the build runs": {false, func(*testing.T, *quiet) {}, []string{"the build that has paused, main/self-upgrade/test #1, still runs"}},
		"a deploy is queued": {false, func(t *testing.T, q *quiet) {
			q.over(t)
			q.Director.SetWorkers(0)
			if _, err := q.director.Deploy(t.Context(), []byte("name: concourse\n"), bosh.DeployOptions{}); err != nil {
				t.Fatal(err)
			}
		}, []string{"director task 1 (create deployment by ci, queued) holds deployment concourse"}},
		"the deployment is locked": {true, func(t *testing.T, q *quiet) {
			q.over(t)
			t.Cleanup(q.Director.HoldLock("concourse"))
		}, []string{"(lock of the deployment) holds deployment concourse"}},
		"a put holds the lease": {true, func(t *testing.T, q *quiet) {
			q.over(t)
			store, err := state.NewDir(q.source["state"].(object)["dir"].(string))
			if err != nil {
				t.Fatal(err)
			}
			lease, err := lease.Acquire(t.Context(), store, "leases/deployment-concourse", lease.Holder{Purpose: "out concourse, build 7"}, lease.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = lease.Release(t.Context()) })
		}, []string{"another run is under way", "out concourse, build 7", "perpetual unlock --id"}},
		"the director is down": {true, func(t *testing.T, q *quiet) {
			q.over(t)
			q.source["director"].(object)["url"] = "https://127.0.0.1:1"
		}, []string{"ask the director whether a deploy is under way", "127.0.0.1:1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := newQuiet(t, c.inState)
			c.under(t, q)
			refused(t, q.resume(t), append(c.want, "nothing was unpaused", "--force")...)
			q.wants(t, true)
			resumed(t, q.resume(t, "--force"), "unpaused main/app", "unpaused main/lib", "unpaused dev/app")
			q.wants(t, false)
		})
	}
}

func TestResume_refusesWhatItCannotDo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*testing.T, *quiet)
		args   string
		want   []string
	}{
		"an argument": {args: "ci", want: []string{`resume: unexpected argument "ci"`}},
		"a flag":      {args: "--id 7", want: []string{"resume: flag provided but not defined: -id"}},
		"no right": {change: func(_ *testing.T, q *quiet) { q.source["concourse"].(object)["username"] = "ada" },
			want: []string{"user ada is not an owner of the team main", "role owner in main", "still in the list: main/app, main/lib, dev/app"}},
		"no concourse section": {change: func(_ *testing.T, q *quiet) { delete(q.source, "concourse") }, want: []string{"no concourse section"}},
		"components":           {change: func(_ *testing.T, q *quiet) { q.source = q.ComponentsSource() }, want: []string{"source has watch"}},
		"the director is down, and no state store": {change: func(_ *testing.T, q *quiet) { q.source["director"].(object)["url"] = "https://127.0.0.1:1" },
			want: []string{"read the list of paused pipelines", "127.0.0.1:1"}},
		"Concourse is down": {change: func(_ *testing.T, q *quiet) { q.source["concourse"].(object)["url"] = "https://127.0.0.1:1" },
			want: []string{"127.0.0.1:1", "nothing was unpaused"}},
		"a damaged list": {change: func(t *testing.T, q *quiet) { q.overwrite(t, "list: '{}'\n") }, want: []string{"config concourse.paused", "damaged", "fly unpause-pipeline"}},
		"a list of another deployment": {change: func(t *testing.T, q *quiet) {
			q.overwrite(t, `list: '{"schema":1,"deployment":"staging","phase":"paused","since":"2026-08-01T12:00:00Z"}'`)
		}, want: []string{"deployment staging, not of concourse"}},
		"a list of a newer program": {change: func(t *testing.T, q *quiet) { q.overwrite(t, `list: '{"schema":9}'`) }, want: []string{"newer Perpetual"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := newQuiet(t, false)
			q.over(t)
			if c.change != nil {
				c.change(t, q)
			}
			refused(t, q.resume(t, strings.Fields(c.args)...), c.want...)
			for _, e := range q.web.Events() {
				if e.Kind == sandbox.KindUnpause && e.User != "" {
					t.Errorf("%s has unpaused %s", e.User, e.Pipeline)
				}
			}
		})
	}
}

// overwrite puts something else in the place of the list.
func (q *quiet) overwrite(t *testing.T, content string) {
	t.Helper()
	if _, err := q.director.UpdateConfig(t.Context(), "perpetual", "concourse.paused", content, ""); err != nil {
		t.Fatal(err)
	}
}

// Whoever resumes may be killed, too.
func TestResume_killedAnywhereAndAgainEndsAsOneRun(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"before-unpause", "pipeline-unpaused", "pipeline-unpaused#3", "after-unpause", "resume-done"} {
		for place, again := range map[string][]string{"in the director's configs": nil, "in the state store": {"--force"}} { // the lease is held until it is stale
			t.Run(point+" "+place, func(t *testing.T) {
				t.Parallel()
				q := newQuiet(t, again != nil)
				q.over(t)
				_, by, err := attack(t, []string{"PERPETUAL_CRASH=" + point}, object{"source": q.source}, "resume").wait(tooLong)
				if err != nil || by != syscall.SIGKILL {
					t.Fatalf("killed by %v, %v", by, err)
				}
				if p := q.resume(t, again...); p.code != 0 {
					t.Errorf("exit code %d\n%s", p.code, p.stderr)
				}
				q.wants(t, false)
			})
		}
	}
}

func TestResume_readsItsHelpAndItsRequest(t *testing.T) {
	t.Parallel()
	for _, binary := range []string{resourceBinary, perpetualBinary} {
		p := invocation{path: binary, args: []string{"resume", "--help"}}.run(t)
		if p.code != 0 || !strings.Contains(p.stdout, "--force") || !strings.Contains(p.stdout, "Examples:") {
			t.Errorf("help: exit code %d, %q", p.code, p.stdout)
		}
		refused(t, invocation{path: binary, args: []string{"resume"}, stdin: strings.NewReader("{")}.run(t), "parse the request")
	}
}
