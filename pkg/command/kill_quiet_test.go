package command_test

import (
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// quietFiles are the inputs of an upgrade to Concourse 8.3.0, with names in place of
// addresses.
var quietFiles struct {
	once  sync.Once
	files map[string]string
}

// quietly is an upgrade that no order of web and workers serves: two pipelines besides
// our own are there, one of which was paused before.
func quietly(t *testing.T) *scene {
	t.Helper()
	s := installed(t)
	s.Publish(world.Set{Concourse: "8.3.0"})
	quietFiles.once.Do(func() {
		s.fetch(t, nil)
		fetched := files(t, filepath.Join(s.dir, "components"))
		for name, text := range fetched {
			fetched[name] = s.Nameless(text)
		}
		quietFiles.files = fetched
	})
	input := map[string]string{}
	for name, text := range quietFiles.files {
		if !strings.HasSuffix(name, "/") {
			input["components/"+name] = s.Named(text)
		}
	}
	write(t, s.dir, input)
	for _, name := range []string{"app", "idle"} {
		if _, err := s.Concourse.SetPipeline(world.Team, name, nil, []byte("jobs: [{name: unit, plan: [{get: code}]}]\nresources: [{name: code, type: mock, source: {}}]\n")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Concourse.Unpause(world.Team, "app"); err != nil {
		t.Fatal(err)
	}
	s.forget()
	return &scene{stage: s, verb: "out", request: s.out(nil), target: s.dir, tmp: t.TempDir()}
}

// isPaused says whether a pipeline of main is paused, by what has happened to it.
func (s *scene) isPaused(name string) bool {
	paused := true // as it is created
	for _, e := range s.Concourse.Events() {
		switch {
		case e.Pipeline != name:
		case e.Kind == concourse.KindPause:
			paused = true
		case e.Kind == concourse.KindUnpause:
			paused = false
		}
	}
	return paused
}

// verified runs the get that the verifying build runs.
func (s *scene) verified(t *testing.T, task string) {
	t.Helper()
	request := object{"source": s.DeploymentSource(), "version": object{"task": task}, "params": object{"verify": true}}
	p, _, err := attack(t, s.env(), request, "in", t.TempDir()).wait(tooLong)
	if err != nil || p.code != 0 {
		t.Fatalf("the verification: %v, exit code %d\n%s", err, p.code, p.stderr)
	}
}

// Wherever a put of a quiet upgrade is killed: when it has run again, and its deploy was
// verified, one deploy was started, what it has paused runs again, and what somebody has
// paused before is paused.
func TestKill_inAQuietUpgradeLeavesNothingPaused(t *testing.T) {
	t.Parallel()
	d := drill{"out that upgrades quietly", "out", []string{"director", "uaa", "concourse"}, quietly}
	_, points, _ := d.control(t)
	for _, wanted := range []string{"pause-listed", "pipeline-paused", "pause-done", "after-submit"} {
		if !slices.ContainsFunc(points, func(p string) bool { return strings.HasPrefix(p, wanted) }) {
			t.Errorf("the control run did not pass %s: %q", wanted, points)
		}
	}
	for _, b := range atPoints(points) {
		if b.signal != syscall.SIGKILL && !strings.Contains(b.name, "pause") {
			continue
		}
		b.busy = false
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			s := d.begin(t)
			s.killed(t, d, b)
			p, _, err := s.attack(t).wait(tooLong)
			if err != nil {
				t.Fatal(err)
			}
			s.finished(t, p)
			s.idle(t)
			s.verified(t, answer[result](t, p).Version["task"])
			if s.isPaused("app") || !s.isPaused("idle") {
				t.Errorf("app is paused: %t, idle is paused: %t", s.isPaused("app"), s.isPaused("idle"))
			}
		})
	}
}
