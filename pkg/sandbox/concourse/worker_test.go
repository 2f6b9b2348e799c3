package concourse_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
)

// newWorld is a Concourse with one worker and an unpaused pipeline.
func newWorld(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.RegisterWorker("w1", "")
	if _, err := s.SetPipeline("main", "p", nil, []byte(yaml)); err != nil {
		t.Fatal(err)
	}
	if err := s.Unpause("main", "p"); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) start(job, worker string, interruptible bool) *concourse.Build {
	s.t.Helper()
	b, err := s.StartBuild("main", "p", job, worker, interruptible)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

func (s *site) finish(b *concourse.Build) {
	s.t.Helper()
	if err := b.Finish("succeeded"); err != nil {
		s.t.Fatal(err)
	}
}

// state is a worker's state as the API tells it; empty: not in the list.
func (s *site) state(name string) string {
	s.t.Helper()
	var list []struct{ Name, State string }
	s.ask("GET", "/api/v1/workers", s.login("admin"), "").json(s.t, &list)
	for _, w := range list {
		if w.Name == name {
			return w.State
		}
	}
	return ""
}

// story is what happened to builds and workers, in order.
func (s *site) story() (lines []string) {
	for _, e := range s.Events() {
		if strings.HasPrefix(e.Kind, "worker") || strings.HasPrefix(e.Kind, "build") {
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s%s", e.Kind, e.Worker, e.Job, e.Status)))
		}
	}
	return lines
}

func drained(s *site, name string) chan error {
	done := make(chan error, 1)
	go func() { done <- s.WaitDrained(s.t.Context(), name) }()
	return done
}

func TestDrain_waitsForTheBuildThatStartedIt(t *testing.T) {
	cases := []struct {
		name    string
		drain   func(*site) error
		during  string
		after   string
		history string
	}{
		{"land", func(s *site) error { return s.LandWorker("w1") }, "landing", "landed", "worker landed w1"},
		{"retire", func(s *site) error { return s.RetireWorker("w1") }, "retiring", "", "worker retired w1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newWorld(t)
			b := s.start("upgrade", "w1", false)
			if err := c.drain(s); err != nil {
				t.Fatal(err)
			}
			done := drained(s, "w1")
			if got := s.state("w1"); got != c.during {
				t.Errorf("during the build: %s", got)
			}
			s.finish(b)
			if err := <-done; err != nil {
				t.Error(err)
			}
			if got := s.state("w1"); got != c.after || b.Status() != "succeeded" {
				t.Errorf("after the build: worker %q, build %s", got, b.Status())
			}
			story := s.story()
			if end := slices.Index(story, "build finished w1 upgradesucceeded"); end < 0 || slices.Index(story, c.history) < end {
				t.Errorf("story %q", story)
			}
		})
	}
}

func TestDrain_killsInterruptibleBuilds(t *testing.T) {
	s := newWorld(t)
	long := s.start("verify", "w1", true)
	short := s.start("upgrade", "w1", false)
	if err := s.LandWorker("w1"); err != nil {
		t.Fatal(err)
	}
	if long.Status() != "started" {
		t.Errorf("while another build is waited for: %s", long.Status())
	}
	s.finish(short)
	<-long.Done()
	if long.Status() != "errored" || !strings.Contains(long.Output(), "proc not running: status = stopped") || s.state("w1") != "landed" {
		t.Errorf("build %s: %q", long.Status(), long.Output())
	}
	if s.finish(long); long.Status() != "errored" {
		t.Errorf("a build that had errored became %s", long.Status())
	}
}

func TestRunStep_findsNoPlaceAfterThePutThatLandedItsWorker(t *testing.T) {
	s := newWorld(t)
	b := s.start("upgrade", "", false)
	if err := s.RunStep(b, "perpetual"); err != nil {
		t.Fatalf("put: %v", err)
	}
	if err := s.LandWorker("w1"); err != nil {
		t.Fatal(err)
	}
	err := s.RunStep(b, "perpetual") // the implicit get
	const want = "no workers satisfying: resource type 'perpetual', platform 'linux', version: '2.5'"
	if err == nil || err.Error() != want || b.Status() != "errored" || !strings.Contains(b.Output(), want) {
		t.Errorf("error %v, build %s: %q", err, b.Status(), b.Output())
	}
	if s.state("w1") != "landed" {
		t.Errorf("worker %s", s.state("w1"))
	}
	if err := s.RunStep(b, "perpetual"); err == nil || !strings.Contains(err.Error(), "has ended") {
		t.Errorf("step of an ended build: %v", err)
	}
}

func TestRunStep_movesToAnotherWorkerAndHoldsBoth(t *testing.T) {
	s := newWorld(t)
	s.RegisterWorker("w2", "")
	b := s.start("upgrade", "w1", false)
	if err := s.LandWorker("w1"); err != nil {
		t.Fatal(err)
	}
	if err := s.RunStep(b, "time"); err != nil {
		t.Fatal(err)
	}
	if err := s.RetireWorker("w2"); err != nil {
		t.Fatal(err)
	}
	if s.state("w1") != "landing" || s.state("w2") != "retiring" {
		t.Errorf("workers %s, %s", s.state("w1"), s.state("w2"))
	}
	s.finish(b)
	if s.state("w1") != "landed" || s.state("w2") != "" {
		t.Errorf("workers %s, %s", s.state("w1"), s.state("w2"))
	}
}

func TestStartBuild_needsAWorkerOfTheWebsProtocol(t *testing.T) {
	const none = "no workers satisfying: platform 'linux', version: '2.6'"
	cases := []struct {
		name  string
		setUp func(*site) error
		want  string // empty: it starts
	}{
		{"older worker", func(s *site) error { return nil }, none},
		{"upgraded worker", func(s *site) error { s.RegisterWorker("w1", ""); return nil }, ""},
		{"newer worker", func(s *site) error { s.RegisterWorker("w1", "2.7"); return nil }, ""},
		{"next protocol", func(s *site) error { s.RegisterWorker("w1", "3.0"); return nil }, none},
		{"landed", func(s *site) error { s.RegisterWorker("w1", ""); return s.LandWorker("w1") }, none},
		{"back from landing", func(s *site) error {
			err := s.LandWorker("w1")
			s.RegisterWorker("w1", "")
			return err
		}, ""},
		{"stalled", func(s *site) error { s.RegisterWorker("w1", ""); return s.StallWorker("w1") }, none},
		{"paused pipeline", func(s *site) error { _, err := s.SetPipeline("main", "q", nil, []byte(yaml)); return err }, "paused"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newWorld(t)
			s.SetVersion("8.2.5", "2.6")
			if err := c.setUp(s); err != nil {
				t.Fatal(err)
			}
			pipeline := "p"
			if c.want == "paused" {
				pipeline = "q"
			}
			_, err := s.StartBuild("main", pipeline, "upgrade", "", false)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	s := newWorld(t)
	for _, names := range [][2]string{{"none", "upgrade"}, {"p", "none"}} {
		if _, err := s.StartBuild("main", names[0], names[1], "", false); err == nil || !strings.Contains(err.Error(), "no such") {
			t.Errorf("%v: error %v", names, err)
		}
	}
}

func TestStallWorker_losesItsBuilds(t *testing.T) {
	s := newWorld(t)
	b := s.start("upgrade", "w1", false)
	if err := s.StallWorker("w1"); err != nil {
		t.Fatal(err)
	}
	if b.Status() != "errored" || !strings.Contains(b.Output(), "wait for process completion") || s.state("w1") != "stalled" {
		t.Errorf("build %s: %q", b.Status(), b.Output())
	}
}

func TestDrain_isSeenAtTheCollectorsTick(t *testing.T) {
	const tick = 30 * time.Second
	s := newSite(t, func(o *concourse.Options) { o.Collect = tick })
	s.RegisterWorker("w1", "")
	if err := s.LandWorker("w1"); err != nil {
		t.Fatal(err)
	}
	done := drained(s, "w1")
	s.clock.add(tick - 1)
	if got := s.state("w1"); got != "landing" {
		t.Errorf("before the tick it is %s", got)
	}
	s.clock.add(1)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := s.state("w1"); got != "landed" {
		t.Errorf("after the tick it is %s", got)
	}
	s.RegisterWorker("w1", "")
	if err := s.LandWorker("w1"); err != nil {
		t.Fatal(err)
	}
	s.RegisterWorker("w1", "") // it is back before the tick
	s.clock.add(tick)
	if got := s.state("w1"); got != "running" {
		t.Errorf("a worker that is back is %s after the tick", got)
	}
}

// Seen on a real Concourse 7.14: the build is lost though its process goes on.
func TestRestart_losesBuildsWhileNoWorkerRuns(t *testing.T) {
	s := newWorld(t)
	kept := s.start("upgrade", "w1", false)
	s.Stop()
	s.Restart()
	if got := kept.Status(); got != "started" {
		t.Fatalf("with a running worker the build is %s after a restart", got)
	}
	if err := s.LandWorker("w1"); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	s.Restart()
	if got := kept.Status(); got != "errored" || !strings.Contains(kept.Output(), "no workers satisfying: resource type 'registry-image'") {
		t.Errorf("with a landing worker the build is %s: %s", got, kept.Output())
	}
}

func TestBuild_isListedWithItsEnvironmentAndLog(t *testing.T) {
	s := newWorld(t)
	_, _ = fmt.Fprint(s.start("verify", "", false).Log(), "first\n")
	b := s.start("verify", "", false)
	_, _ = fmt.Fprint(b.Log(), "hello\n")
	if b.Output() != "hello\n" || b.ID() != 2 || b.Name() != "2" || b.Worker() != "w1" {
		t.Errorf("build %d %s on %s: %q", b.ID(), b.Name(), b.Worker(), b.Output())
	}
	if err := b.Finish("green"); err == nil || b.Status() != "started" {
		t.Errorf("finished with nonsense: %v, %s", err, b.Status())
	}
	if err := b.Finish("failed"); err != nil {
		t.Fatal(err)
	}
	env := strings.Join(b.Env(), " ")
	for _, want := range []string{"BUILD_ID=2", "BUILD_NAME=2", "BUILD_JOB_NAME=verify", "BUILD_PIPELINE_NAME=p", "BUILD_TEAM_NAME=main", "ATC_EXTERNAL_URL=https://ci.example.com"} {
		if !strings.Contains(env, want) {
			t.Errorf("no %s in %s", want, env)
		}
	}
	admin, reader := s.login("admin"), s.login("reader")
	for path, want := range map[string]string{
		"/api/v1/builds":                                               `"id":2,"team_name":"main","name":"2","status":"failed"`,
		"/api/v1/builds?limit=1":                                       `[{"id":2,`,
		"/api/v1/builds/1":                                             `"status":"started"`,
		"/api/v1/teams/main/builds":                                    `"job_name":"verify"`,
		"/api/v1/teams/main/pipelines/p/builds":                        `"pipeline_name":"p"`,
		"/api/v1/teams/main/pipelines/p/jobs/upgrade/builds":           `[]`,
		"/api/v1/teams/main/pipelines/p/jobs/verify/builds?limit=none": `"name":"1"`,
	} {
		if res := s.ask("GET", path, admin, ""); res.status != 200 || !strings.Contains(res.body, want) {
			t.Errorf("%s: %d %s", path, res.status, res.body)
		}
	}
	if res := s.ask("GET", "/api/v1/builds", reader, ""); res.body != "[]\n" {
		t.Errorf("a stranger sees %s", res.body)
	}
	if got := [2]int{s.ask("GET", "/api/v1/builds/1", reader, "").status, s.ask("GET", "/api/v1/builds/1", "", "").status}; got != [2]int{403, 401} {
		t.Errorf("a stranger and nobody get %v", got)
	}
}

func TestWaitDrained_endsWithItsContext(t *testing.T) {
	s := newWorld(t)
	s.start("upgrade", "w1", false)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.WaitDrained(ctx, "w1"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	for name, err := range map[string]error{"land": s.LandWorker("none"), "retire": s.RetireWorker("none"), "stall": s.StallWorker("none")} {
		if err == nil || !strings.Contains(err.Error(), "no such worker") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestObserve_hearsEventsAsTheyHappen(t *testing.T) {
	var heard []string
	s := concourse.New(concourse.Options{Observe: func(e concourse.Event) { heard = append(heard, e.Kind+" "+e.Worker) }})
	s.RegisterWorker("w", "")
	if err := s.RetireWorker("w"); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(heard, ", "); got != "worker running w, worker retiring w, worker retired w" {
		t.Errorf("heard %s", got)
	}
}
