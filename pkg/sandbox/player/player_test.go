package player_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/player"
)

// loop is a pipeline like the bundled one.
const loop = `
resources:
- {name: code, type: perpetual, source: {url: "https://ci:((password))@example.com", list: [((a/b.c:d))], size: 3}}
- {name: target, type: perpetual, check_every: never, source: {}}
jobs:
- name: ship
  plan:
  - {get: code, trigger: true}
  - {put: target, no_get: true, params: {secret: ((password))}}
`

// withTask is a pipeline with a task of this config.
func withTask(config string) string {
	return "jobs: [{name: ship, plan: [{task: unit, config: {" + config + "}}]}]"
}

func TestTick_refusesAPipelineThatItWouldPlayWrongly(t *testing.T) {
	for _, c := range []struct{ name, pipeline, want string }{
		{"no YAML", "jobs: [", "parse pipeline: "},
		{"another shape", "jobs: {name: x}", "parse pipeline: "},
		{"another kind of step", "jobs: [{name: ship, plan: [{set_pipeline: self}]}]", "job ship has a step that is none of get, put, load_var and task, or several"},
		{"a get and put in one", "resources: [{name: r}]\njobs: [{name: ship, plan: [{get: r, put: r}]}]", "or several"},
		{"a task from a file", "jobs: [{name: ship, plan: [{task: unit, file: code/unit.yml}]}]", "job ship has the task unit without a config, which is not played"},
		{"a task without platform", withTask("run: {path: make}, image_resource: {type: mock}"), "task unit with an invalid configuration: missing 'platform'"},
		{"a task that runs nothing", withTask("platform: linux, image_resource: {type: mock}"), "missing path to executable to run"},
		{"a task without image", withTask("platform: linux, run: {path: make}"), "task unit without an image_resource"},
		{"a task with outputs", withTask("platform: linux, run: {path: make}, image_resource: {type: mock}, outputs: [{name: out}]"), "outputs or caches, which are not played"},
		{"a task with half a timeout", strings.Replace(withTask("platform: linux, run: {path: make}, image_resource: {type: mock}"), "task: unit", "task: unit, timeout: soon", 1), "step unit with an invalid timeout"},
		{"a get with half a timeout", "resources: [{name: r}]\njobs: [{name: ship, plan: [{get: r, timeout: soon}]}]", "step r with an invalid timeout"},
		{"a variable from nowhere", "jobs: [{name: ship, plan: [{load_var: v}]}]", "load_var v without a file"},
		{"a variable with fields", "jobs: [{name: ship, plan: [{load_var: v, file: code/v.yml}]}]", "load_var v in a format that is not played"},
		{"a variable in a format", "jobs: [{name: ship, plan: [{load_var: v, file: code/v, format: json}]}]", "load_var v in a format that is not played"},
		{"a task that nobody runs", withTask("platform: linux, run: {path: make}, image_resource: {type: mock}"), "play the pipeline: it has a task, and nobody runs it"},
		{"passed", "resources: [{name: r}]\njobs: [{name: ship, plan: [{get: r, passed: [unit]}]}]", "job ship uses passed, which is not played"},
		{"an unknown resource", "jobs: [{name: ship, plan: [{get: r}]}]", "job ship uses the unknown resource r"},
		{"an unknown resource under another name", "resources: [{name: r}]\njobs: [{name: ship, plan: [{get: r, resource: other}]}]", "unknown resource other"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, c.pipeline, echoes)
			_, err := s.player.Tick(t.Context())
			wantError(t, err, c.want)
			_, err = s.player.Trigger(t.Context(), "ship")
			wantError(t, err, c.want)
			if calls := s.calls(t); len(calls) > 0 || len(s.atc.builds) > 0 {
				t.Errorf("it ran %q and started %d builds", calls, len(s.atc.builds))
			}
		})
	}
	s := newSite(t, loop, echoes)
	s.atc.configErr = errors.New("read pipeline: it is not set")
	_, err := s.player.Tick(t.Context())
	wantError(t, err, "it is not set")
}

func TestTick_runsChecksAndBuildsAsConcourseDoes(t *testing.T) {
	s := newSite(t, loop, echoes)
	if diff := cmp.Diff([]string{"ship succeeded"}, s.tick(t)); diff != "" {
		t.Fatalf("outcomes (-want +got):\n%s", diff)
	}
	const source = `"source":{"list":["nested"],"size":3,"url":"https://ci:hunter22@example.com"}`
	want := []string{
		`check   {` + source + `}`,
		`in code 1 {` + source + `,"version":{"n":"1"}}`,
		`out DIR 1 {"params":{"secret":"hunter22"},"source":{}}`,
	}
	got := s.calls(t)
	if len(got) == 3 { // the build's own directory
		fields := strings.Fields(got[2])
		got[2] = strings.Replace(got[2], fields[1], "DIR", 1)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
	var kinds []string
	for _, h := range s.happening {
		kinds = append(kinds, strings.TrimSpace(h.Kind+" "+h.Resource+h.Status))
	}
	if diff := cmp.Diff([]string{"check code", "build started", "get code", "put target", "build succeeded"}, kinds); diff != "" {
		t.Errorf("happenings (-want +got):\n%s", diff)
	}
	if got := s.happening[2].Metadata; len(got) != 1 || got[0].Value != "it" {
		t.Errorf("metadata of the get = %v", got)
	}
}

func TestTick_triggersAJobOnceForAVersion(t *testing.T) {
	s := newSite(t, loop, echoes)
	s.tick(t)
	if again := s.tick(t); len(again) != 0 {
		t.Errorf("the same version triggered %q again", again)
	}
	if n := s.count(t, `check   {"source":{"list":["nested"],"size":3,"url":"https://ci:hunter22@example.com"},"version":{"n":"1"}}`); n != 1 {
		t.Errorf("%d later checks had the newest known version: %q", n, s.calls(t))
	}
	changed := echoes
	changed.check = `echo '[{"n":"1"},{"n":"5"},{"n":"4"}]'`
	s.change(t, changed)
	if got := s.tick(t); len(got) != 1 {
		t.Errorf("a new version triggered %q", got)
	}
	if n := s.count(t, "in code 2"); n != 1 || !strings.Contains(s.calls(t)[len(s.calls(t))-2], `"version":{"n":"4"}`) {
		t.Errorf("the build did not get the newest version: %q", s.calls(t))
	}
	if got := s.tick(t); len(got) != 0 {
		t.Errorf("versions that were known triggered %q", got)
	}
	if _, err := s.player.Trigger(t.Context(), "ship"); err != nil || len(s.atc.builds) != 3 {
		t.Errorf("%d builds after one by hand, %v", len(s.atc.builds), err)
	}
	_, err := s.player.Trigger(t.Context(), "none")
	wantError(t, err, "the pipeline has no job none")
}

func TestTick_triggersOnlyWhatConcourseWould(t *testing.T) {
	for _, c := range []struct {
		name, plan string
		check      string
		want       []string
	}{
		{"a get without trigger", "[{get: code}]", `echo '[{"n":"1"}]'`, nil},
		{"no version yet", "[{get: code, trigger: true}]", `echo '[]'`, nil},
		{"one of two without a version", "[{get: code, trigger: true}, {get: target}]", `echo '[{"n":"1"}]'`, nil},
		{"a put alone", "[{put: target}]", `echo '[{"n":"1"}]'`, nil},
		{"a failing check", "[{get: code, trigger: true}]", `echo away >&2; exit 1`, nil},
		{"under another name", "[{get: source, resource: code, trigger: true}]", `echo '[{"n":"1"}]'`, []string{"ship succeeded"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			pipeline := loop[:strings.Index(loop, "  plan:")] + "  plan: " + c.plan + "\n"
			program := echoes
			program.check = c.check
			s := newSite(t, pipeline, program)
			if diff := cmp.Diff(c.want, s.tick(t), cmp.Transformer("", func(l []string) []string { return append([]string{}, l...) })); diff != "" {
				t.Errorf("outcomes (-want +got):\n%s", diff)
			}
			if n := s.count(t, "check"); n != 1 {
				t.Errorf("%d checks, want that of code: the other one says never", n)
			}
		})
	}
}

func TestTick_doesNotResolveWhatNobodyKnows(t *testing.T) {
	s := newSite(t, strings.ReplaceAll(loop, "((a/b.c:d))", "((first)) and ((second))"), echoes)
	if got := s.tick(t); len(got) != 0 {
		t.Errorf("outcomes %q", got)
	}
	if len(s.happening) != 1 || s.happening[0].Err == nil || s.happening[0].Err.Error() != "undefined vars: first, second" {
		t.Errorf("happenings %+v, want a check that fails", s.happening)
	}
	s = newSite(t, strings.ReplaceAll(loop, "secret: ((password))", "secret: [((unknown))]"), echoes)
	if got := s.tick(t); !slices.Equal(got, []string{"ship failed"}) {
		t.Errorf("outcomes %q", got)
	}
	if log := s.atc.builds[0].log.String(); log != "undefined vars: unknown\n" {
		t.Errorf("log = %q", log)
	}
	if n := s.count(t, "out"); n != 0 {
		t.Errorf("the put was run %d times", n)
	}
	s = newSite(t, strings.ReplaceAll(loop, "check_every: never, source: {}", "check_every: never, source: {a: ((unknown))}"), echoes)
	if got := s.tick(t); !slices.Equal(got, []string{"ship failed"}) || s.count(t, "out") != 0 {
		t.Errorf("outcomes %q with %d puts", got, s.count(t, "out"))
	}
}

func TestTick_getsWhatWasPutUnlessToldOtherwise(t *testing.T) {
	s := newSite(t, strings.ReplaceAll(loop, "no_get: true, ", ""), echoes)
	var during []string
	s.player.AfterPut = func(_ context.Context, job string) {
		during = append(during, job+": "+strings.Join(s.atc.builds[0].steps, " "))
	}
	if got := s.tick(t); !slices.Equal(got, []string{"ship succeeded"}) {
		t.Errorf("outcomes %q", got)
	}
	if n := s.count(t, `in target 1 {"source":{},"version":{"n":"2"}}`); n != 1 {
		t.Errorf("%d implicit gets of what was put: %q", n, s.calls(t))
	}
	if diff := cmp.Diff([]string{"ship: perpetual perpetual"}, during); diff != "" {
		t.Errorf("containers when the put was over (-want +got):\n%s", diff)
	}
	if steps := s.atc.builds[0].steps; len(steps) != 3 {
		t.Errorf("%d containers, want one for get, put and implicit get each", len(steps))
	}
	s.atc.stepErrs = []error{nil, nil, errors.New("no workers satisfying: resource type 'perpetual'")}
	outcome, err := s.player.Trigger(t.Context(), "ship")
	if err != nil || outcome.Status != "errored" || s.count(t, "in target 2") != 0 {
		t.Errorf("outcome %+v, %v, want an error without an implicit get", outcome, err)
	}
}

func TestTick_failsABuildAtItsFirstFailingStep(t *testing.T) {
	for _, c := range []struct {
		name    string
		program shell
		want    string
		puts    int
	}{
		{"get", shell{echoes.check, "echo one >&2; echo two >&2; exit 1", echoes.out}, "in exited with 1: two", 0},
		{"put", shell{echoes.check, echoes.in, "echo refused >&2; exit 2"}, "out exited with 2: refused", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, loop, c.program)
			outcomes, err := s.player.Tick(t.Context())
			if err != nil || len(outcomes) != 1 || outcomes[0].Status != "failed" {
				t.Fatalf("outcomes %+v, %v", outcomes, err)
			}
			wantError(t, outcomes[0].Err, c.want)
			if n := s.count(t, "out"); n != c.puts {
				t.Errorf("%d puts, want %d", n, c.puts)
			}
			if log := s.atc.builds[0].log.String(); !strings.HasSuffix(log, c.want+"\n") {
				t.Errorf("log = %q", log)
			}
			if again := s.tick(t); len(again) != 0 {
				t.Errorf("the version that failed triggered %q again", again)
			}
		})
	}
}

func TestTick_endsAPutAtItsTimeout(t *testing.T) {
	s := newSite(t, strings.Replace(loop, "{put: target,", "{put: target, timeout: 1ms,", 1), shell{echoes.check, echoes.in, "exec sleep 600"})
	if got := s.tick(t); !slices.Equal(got, []string{"ship failed"}) {
		t.Errorf("outcomes %q", got)
	}
	if log := s.atc.builds[0].log.String(); !strings.HasSuffix(log, "timeout exceeded\n") {
		t.Errorf("log = %q", log)
	}
}

func TestTick_runsABuildInOneDirectoryThatIsGoneAfterIt(t *testing.T) {
	program := echoes
	program.in = `mkdir -p "$2"; echo content > "$2/file"; ` + echoes.in
	program.out = `cat "$2/code/file" >&2; echo "$2" > where; ` + echoes.out
	s := newSite(t, loop, program)
	if got := s.tick(t); !slices.Equal(got, []string{"ship succeeded"}) {
		t.Fatalf("outcomes %q: %s", got, s.atc.builds[0].log.String())
	}
	if log := s.atc.builds[0].log.String(); log != "content\n" {
		t.Errorf("the put did not see what the get wrote: %q", log)
	}
	where, err := os.ReadFile(filepath.Join(s.dir, "where"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(strings.TrimSpace(string(where))); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the build's directory %s is still there", where)
	}
}

func TestTick_tellsTheATCWhetherAJobIsInterruptible(t *testing.T) {
	s := newSite(t, strings.ReplaceAll(loop, "- name: ship", "- name: ship\n  interruptible: true"), echoes)
	s.tick(t)
	if !s.atc.builds[0].interruptible {
		t.Error("the build is not interruptible")
	}
}

func TestTick_failsWhenTheATCDoes(t *testing.T) {
	s := newSite(t, loop, echoes)
	s.atc.startErr = errors.New("no workers satisfying")
	_, err := s.player.Tick(t.Context())
	wantError(t, err, "start job ship: no workers satisfying")
	s = newSite(t, loop, echoes)
	s.atc.finishErr = errors.New("gone")
	outcomes, err := s.player.Tick(t.Context())
	wantError(t, err, "gone")
	if len(outcomes) != 0 {
		t.Errorf("outcomes %v", outcomes)
	}
	s = newSite(t, loop, echoes)
	s.player.Observe = nil // nobody needs to listen
	if got := s.tick(t); len(got) != 1 {
		t.Errorf("outcomes %q", got)
	}
	var _ player.ATC = s.atc
}
