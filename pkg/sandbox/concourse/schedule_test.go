package concourse_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
)

// trigger triggers a build of a job.
func (s *site) trigger(job string) *concourse.Build {
	s.t.Helper()
	b, err := s.TriggerBuild("main", "p", job, "ada")
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// ok asks for something that must succeed.
func (s *site) ok(method, path string) string {
	s.t.Helper()
	res := s.ask(method, path, s.login("admin"), "")
	if res.status >= 300 {
		s.t.Fatalf("%s %s: %d %s", method, path, res.status, res.body)
	}
	return res.body
}

func TestTriggerBuild_waitsUntilConcourseWouldStartIt(t *testing.T) {
	job := mainPipeline + "/jobs/upgrade"
	var running *concourse.Build
	cases := []struct {
		name       string
		hold, free func(*site)
	}{
		{"the pipeline is paused", func(s *site) { s.ok("PUT", mainPipeline+"/pause") }, func(s *site) { s.ok("PUT", mainPipeline+"/unpause") }},
		{"the job is paused", func(s *site) { s.ok("PUT", job+"/pause") }, func(s *site) { s.ok("PUT", job+"/unpause") }},
		{"the web is away", func(s *site) { s.Stop() }, func(s *site) { s.Restart() }},
		{"the schema is newer", func(s *site) {
			s.SetRelease(concourse.Release{Version: "8.2.5", Worker: "2.5", Migration: 1776182280})
			s.SetRelease(concourse.Release{Version: "7.14.0", Worker: "2.5", Migration: 1746768931})
		}, func(s *site) {
			s.SetRelease(concourse.Release{Version: "8.2.5", Worker: "2.5", Migration: 1776182280})
			s.Stop()
			s.Restart()
		}},
		{"the job is serial", func(s *site) {
			s.set(strings.Replace(yaml, "name: upgrade,", "name: upgrade, serial: true,", 1))
			running = s.start("upgrade", "", false)
		}, func(s *site) { s.finish(running) }},
		{"a job of its serial group runs", func(s *site) {
			s.set(strings.NewReplacer("name: upgrade,", "name: upgrade, serial_groups: [a],", "name: verify,", "name: verify, serial_groups: [b, a],").Replace(yaml))
			running = s.start("verify", "", false)
		}, func(s *site) { s.finish(running) }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newWorld(t)
			c.hold(s)
			b := s.trigger("upgrade")
			if b.Status() != "pending" || b.Worker() != "" {
				t.Fatalf("build %s on %q", b.Status(), b.Worker())
			}
			if taken := s.TakeBuild("main", "p"); taken != nil {
				t.Errorf("a pending build was given to play")
			}
			c.free(s)
			<-b.Begun()
			if b.Status() != "started" || b.Worker() != "w1" {
				t.Errorf("build %s on %q", b.Status(), b.Worker())
			}
			if taken := s.TakeBuild("main", "p"); taken != b || s.TakeBuild("main", "p") != nil {
				t.Errorf("TakeBuild gives not this build, once")
			}
			if story := s.story(); !slices.Contains(story, "build triggered  upgrade") || !slices.Contains(story, "build started w1 upgrade") {
				t.Errorf("story %q", story)
			}
		})
	}
}

// set sets the pipeline.
func (s *site) set(text string) {
	s.t.Helper()
	if _, err := s.SetPipeline("main", "p", nil, []byte(text)); err != nil {
		s.t.Fatal(err)
	}
}

func TestTriggerBuild_errorsWithoutAWorker(t *testing.T) {
	s := newWorld(t)
	s.SetVersion("8.3.0", "3.0")
	b := s.trigger("upgrade")
	<-b.Done()
	if b.Status() != "errored" || b.Output() != "no workers satisfying: platform 'linux', version: '3.0'\n" {
		t.Errorf("build %s: %q", b.Status(), b.Output())
	}
}

func TestTriggerBuild_refusesWhatIsNotThere(t *testing.T) {
	s := newWorld(t)
	for _, names := range [][2]string{{"none", "upgrade"}, {"p", "none"}} {
		if _, err := s.TriggerBuild("main", names[0], names[1], "ada"); err == nil || !strings.Contains(err.Error(), "no such") {
			t.Errorf("%v: error %v", names, err)
		}
	}
}

func TestRerunBuild_isNumberedAfterItsFirstRun(t *testing.T) {
	s := newWorld(t)
	b := s.start("upgrade", "", false)
	s.finish(b)
	if name := s.RerunBuild(s.RerunBuild(b, "ada"), "ada").Name(); name != "1.2" {
		t.Errorf("the rerun of a rerun is %s", name)
	}
	if body := s.ok("POST", mainPipeline+"/jobs/upgrade/builds/1"); !strings.Contains(body, `"name":"1.3","status":"started"`) ||
		!strings.Contains(body, `"rerun_number":3,"rerun_of":{"id":1,"name":"1"},"created_by":"admin"`) {
		t.Errorf("build %s", body)
	}
	if name := s.start("upgrade", "", false).Name(); name != "2" {
		t.Errorf("the next build is %s", name)
	}
	token := s.login("admin")
	s.ok("PUT", mainPipeline+"/pause")
	s.trigger("upgrade")
	for path, want := range map[string]int{"3": 500, "4": 404} { // 3 has no inputs yet
		if res := s.ask("POST", mainPipeline+"/jobs/upgrade/builds/"+path, token, ""); res.status != want {
			t.Errorf("rerun of %s: %d, want %d", path, res.status, want)
		}
	}
}

func TestJobs_haveTheOldestBuildThatHasNotEnded(t *testing.T) {
	s := newWorld(t)
	first := s.start("upgrade", "", false)
	s.start("upgrade", "", false)
	s.start("verify", "", false)
	var jobs []struct {
		ID        int
		Name      string
		Paused    bool
		PausedBy  string                         `json:"paused_by"`
		Next      *struct{ Name, Status string } `json:"next_build"`
		Finished  *struct{ Name, Status string } `json:"finished_build"`
		StartTime int64                          `json:"start_time"`
		Pipeline  string                         `json:"pipeline_name"`
		Vars      map[string]any                 `json:"pipeline_instance_vars"`
	}
	list := func(path string) {
		jobs = nil
		s.ask("GET", path, s.login("admin"), "").json(t, &jobs)
	}
	s.ok("PUT", mainPipeline+"/jobs/verify/pause")
	for _, path := range []string{"/api/v1/jobs", mainPipeline + "/jobs"} {
		if list(path); len(jobs) != 2 || jobs[0].ID != 1 || jobs[0].Name != "upgrade" || jobs[0].Next.Name != "1" || jobs[0].Finished != nil ||
			jobs[0].Pipeline != "p" || jobs[0].Paused || !jobs[1].Paused || jobs[1].PausedBy != "admin" {
			t.Errorf("%s: %+v", path, jobs)
		}
	}
	s.finish(first)
	if list("/api/v1/jobs"); jobs[0].Next.Name != "2" || jobs[0].Finished.Name != "1" {
		t.Errorf("jobs %+v", jobs[0])
	}
	s.set("jobs: [{name: verify, plan: [{get: zebra}]}]\nresources: [{name: zebra, type: time, source: {}}]")
	if list("/api/v1/jobs"); len(jobs) != 1 || jobs[0].ID != 2 {
		t.Errorf("jobs of a config without one: %+v", jobs)
	}
	if err := s.Archive("main", "p"); err != nil {
		t.Fatal(err)
	}
	if list("/api/v1/jobs"); len(jobs) != 0 {
		t.Errorf("jobs of an archived pipeline: %+v", jobs)
	}
	if res := s.ask("GET", "/api/v1/jobs", s.login("reader"), ""); res.body != "[]\n" {
		t.Errorf("a stranger sees %s", res.body)
	}
}
