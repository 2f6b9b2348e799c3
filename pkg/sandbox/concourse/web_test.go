package concourse_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
)

// Releases as Concourse's tags tell them.
var (
	r7141 = concourse.Release{Version: "7.14.1", Worker: "2.5", Migration: 1746768931}
	r825  = concourse.Release{Version: "8.2.5", Worker: "2.5", Migration: 1776182280}
	r830  = concourse.Release{Version: "8.3.0", Worker: "3.0", Migration: 1783024587}
)

// upgrade replaces the web without a wait.
func (s *site) upgrade(r concourse.Release) {
	s.Stop()
	s.SetRelease(r)
	s.Restart()
}

func TestSetRelease_anOldWebOnANewerSchemaLooksWellAndSchedulesNothing(t *testing.T) {
	s := newWorld(t)
	s.upgrade(r825)
	s.upgrade(r7141)
	if body := s.ok("GET", "/api/v1/info"); !strings.Contains(body, `"version":"7.14.1"`) {
		t.Errorf("info %s", body)
	}
	if state := s.state("w1"); state != "running" {
		t.Errorf("worker %s", state)
	}
	if s.Schedules() {
		t.Error("it says that it schedules")
	}
	if _, err := s.StartBuild("main", "p", "upgrade", "", false); err == nil || !strings.Contains(err.Error(), "schedules nothing") {
		t.Errorf("a build started: %v", err)
	}
	b := s.trigger("upgrade")
	s.upgrade(r7141) // it does not get well by itself
	if b.Status() != "pending" {
		t.Errorf("build %s", b.Status())
	}
	s.upgrade(r825)
	if b.Status() != "started" {
		t.Errorf("under the newer web the build is %s", b.Status())
	}
}

// Seen with a real web of worker version 3.0 after one of 2.5: the new web takes
// the build up, and it errors at once. So it is the other way round.
func TestRestart_errorsBuildsOnWorkersOfAnotherMajor(t *testing.T) {
	cases := []struct {
		name    string
		worker  string // version
		to      concourse.Release
		errored string
	}{
		{"newer major", "2.5", r830, "no workers satisfying: platform 'linux', version: '3.0'\n"},
		{"newer minor", "2.5", concourse.Release{Version: "7.15.0", Worker: "2.6"}, "no workers satisfying: platform 'linux', version: '2.6'\n"},
		{"the same", "2.5", r825, ""},
		{"a newer worker", "2.6", r825, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newWorld(t)
			s.RegisterWorker("w1", c.worker)
			b := s.start("upgrade", "w1", false)
			s.RegisterWorker("w2", c.to.Worker) // one that could take it is no help: its containers are not there
			s.upgrade(c.to)
			if got := b.Status(); (got == "errored") != (c.errored != "") || b.Output() != c.errored {
				t.Errorf("build %s: %q, want %q", got, b.Output(), c.errored)
			}
			if state := s.state("w1"); state != "running" {
				t.Errorf("worker %s: the list tells nothing of it", state)
			}
		})
	}
}

func TestMigrate_hasNoGatewayUntilItIsOver(t *testing.T) {
	drains := map[string]func(*site) error{
		"land":   func(s *site) error { return s.LandWorker("w1") },
		"retire": func(s *site) error { return s.RetireWorker("w1") },
	}
	for name, drain := range drains {
		t.Run(name, func(t *testing.T) {
			s := newWorld(t)
			b := s.start("upgrade", "w1", false)
			s.Stop()
			s.SetRelease(r825)
			until := make(chan struct{})
			answers := s.Migrate(until)
			if err := drain(s); err != nil {
				t.Fatal(err)
			}
			if err := s.WaitDrained(t.Context(), "w1"); err != nil {
				t.Fatal(err)
			}
			if b.Status() != "errored" || !slices.Contains(s.story(), "worker left with its builds w1") {
				t.Errorf("build %s, story %q", b.Status(), s.story())
			}
			close(until)
			<-answers
			if state := s.state("w1"); state != "stalled" {
				t.Errorf("worker %s", state)
			}
			s.RegisterWorker("w1", "")
			if !s.Schedules() || s.start("upgrade", "w1", false).Status() != "started" {
				t.Error("no build starts afterwards")
			}
		})
	}
}

func TestMigrate_letsWorkersThatDrainLeave(t *testing.T) {
	s := newWorld(t)
	b := s.start("upgrade", "w1", false)
	if err := s.LandWorker("w1"); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	s.SetRelease(r825)
	s.Migrate(nil)
	if b.Status() != "errored" || !strings.Contains(b.Output(), "connection refused") {
		t.Errorf("build %s: %q", b.Status(), b.Output())
	}
}

func TestMigrate_isNothingWhereTheSchemaIsThere(t *testing.T) {
	s := newWorld(t)
	s.upgrade(r825)
	s.Stop()
	<-s.Migrate(nil)
	if !s.Schedules() {
		t.Error("it does not answer")
	}
}

func TestMigrate_endsWithTheWebThatRunsIt(t *testing.T) {
	s := newWorld(t)
	s.Stop()
	s.SetRelease(r825)
	until := make(chan struct{})
	answers := s.Migrate(until)
	s.Stop()
	close(until)
	s.SetRelease(r7141)
	s.Restart()
	if !s.Schedules() {
		t.Error("a migration that was not finished counts")
	}
	select {
	case <-answers:
		t.Error("the web that was stopped answers")
	default:
	}
}

func TestStop_hasWorkersThatDrainLeaveAfterAWhile(t *testing.T) {
	s := newSite(t, func(o *concourse.Options) { o.Reconnect = 5 * time.Second })
	s.RegisterWorker("w1", "")
	s.set(yaml)
	if err := s.Unpause("main", "p"); err != nil {
		t.Fatal(err)
	}
	b := s.start("upgrade", "w1", false)
	if err := s.LandWorker("w1"); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	s.clock.add(5*time.Second - 1)
	if b.Status() != "started" {
		t.Errorf("before that the build is %s", b.Status())
	}
	s.clock.add(1)
	<-b.Done()
	if err := s.WaitDrained(t.Context(), "w1"); err != nil || b.Status() != "errored" {
		t.Errorf("build %s, %v", b.Status(), err)
	}
}

func TestHash_changesWithTheFirstWebOf8(t *testing.T) {
	s := newSite(t)
	for _, step := range []struct {
		release concourse.Release
		want    string
	}{{r7141, "md5"}, {r825, "sha256"}, {r7141, "sha256"}} {
		if s.upgrade(step.release); s.Hash() != step.want {
			t.Errorf("%s: %s, want %s", step.release.Version, s.Hash(), step.want)
		}
	}
	unknown := newSite(t, func(o *concourse.Options) { o.Version = "8.1.0" })
	if unknown.Hash() != "sha256" {
		t.Errorf("a new 8.1.0 has %s", unknown.Hash())
	}
}

func TestHealth_isThereSince830AndTellsNothingOfVersions(t *testing.T) {
	s := newWorld(t) // with a worker 2.5
	for _, c := range []struct {
		release concourse.Release
		drain   bool
		status  int
		body    string
	}{
		{r825, false, 200, "<!doctype html>"},
		{r830, false, 200, `"database":{"status":"healthy"},"workers":{"status":"healthy","total":1,"running":1},"components":[{"name":"scheduler"`},
		{r830, true, 503, `{"status":"failing"`},
	} {
		s.upgrade(c.release)
		if c.drain {
			if err := s.LandWorker("w1"); err != nil {
				t.Fatal(err)
			}
		}
		if res := s.ask("GET", "/api/v1/health", "", ""); res.status != c.status || !strings.Contains(res.body, c.body) {
			t.Errorf("%s: %d %s", c.release.Version, res.status, res.body)
		}
	}
}

func TestLand_wantsABodySince830(t *testing.T) {
	for _, c := range []struct {
		release concourse.Release
		body    string
		status  int
	}{{r825, "", 200}, {r830, "", 400}, {r830, "no JSON", 400}, {r830, "{}", 200}, {r830, `{"team":"main"}`, 200}} {
		for _, action := range []string{"land", "retire"} {
			s := newWorld(t)
			s.upgrade(c.release)
			if res := s.ask("PUT", "/api/v1/workers/w1/"+action, s.login("admin"), c.body); res.status != c.status {
				t.Errorf("%s %s with %q: %d, want %d", c.release.Version, action, c.body, res.status, c.status)
			}
		}
	}
}
