package player_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/player"
)

// tasks is a pipeline like the one of an installation on AWS.
const tasks = `
resources:
- {name: code, type: perpetual, source: {}}
jobs:
- name: ship
  plan:
  - {get: code, trigger: true}
  - {load_var: version, file: code/version, reveal: true}
  - task: deploy
    config:
      platform: linux
      image_resource: {type: registry-image, source: {repository: ghcr.io/ada/ship, tag: ((.:version))-installer}, version: {digest: "sha256:((.:version))"}}
      inputs: [{name: code}]
      params: {KEY: ((password)), NUMBER: 3, LIST: [a, ((a/b.c:d))], NONE: null}
      run: {path: ship, args: [deploy, ((.:version)), --from, code]}
`

// gets answers as a resource whose get writes a file.
var gets = shell{check: echoes.check, in: `mkdir -p "$2/sub"; echo ' 1.3.0 ' > "$2/version"; echo inner > "$2/sub/file"; ` + echoes.in, out: echoes.out}

// newTaskSite is a site whose tasks are run by a function.
func newTaskSite(t *testing.T, pipeline string, task func(context.Context, player.TaskRun) error) *site {
	t.Helper()
	s := newSite(t, pipeline, gets)
	s.player.Task = task
	return s
}

// edit makes a pipeline of tasks.
func edit(t *testing.T, from, to string) string {
	t.Helper()
	if !strings.Contains(tasks, from) {
		t.Fatalf("there is no %q in the pipeline", from)
	}
	return strings.Replace(tasks, from, to, 1)
}

func TestTick_runsATaskWithItsParamsAndInputs(t *testing.T) {
	var runs []player.TaskRun
	var files []string
	s := newTaskSite(t, tasks, func(_ context.Context, r player.TaskRun) error {
		for _, name := range []string{"code/version", "code/sub/file"} {
			text, err := os.ReadFile(filepath.Join(r.Dir, name))
			if err != nil {
				t.Error(err)
			}
			files = append(files, string(text))
		}
		runs = append(runs, r)
		return nil
	})
	if got := s.tick(t); !slices.Equal(got, []string{"ship succeeded"}) {
		t.Fatalf("outcomes %q: %s", got, s.atc.builds[0].log.String())
	}
	if len(runs) != 1 {
		t.Fatalf("%d runs, want 1", len(runs))
	}
	got := runs[0]
	if _, err := os.Stat(got.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the task's directory is still there: %v", err)
	}
	got.Dir, got.Log = "", nil
	want := player.TaskRun{
		Job: "ship", Build: "1", Name: "deploy", Image: "ghcr.io/ada/ship:1.3.0-installer@sha256:1.3.0", Path: "ship",
		Args: []string{"deploy", "1.3.0", "--from", "code"}, Env: []string{"KEY=hunter22", `LIST=["a","nested"]`, "NONE=", "NUMBER=3"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("run (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{" 1.3.0 \n", "inner\n"}, files); diff != "" {
		t.Errorf("inputs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"perpetual", "registry-image"}, s.atc.builds[0].steps); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}
	var kinds []string
	for _, h := range s.happening {
		kinds = append(kinds, strings.TrimSpace(h.Kind+" "+h.Resource+h.Status+" "+h.Value))
	}
	if diff := cmp.Diff([]string{"check code", "build started", "get code", "load_var version 1.3.0", "task deploy", "build succeeded"}, kinds); diff != "" {
		t.Errorf("happenings (-want +got):\n%s", diff)
	}
}

func TestTick_hidesTasksChangesToTheirInputsFromLaterSteps(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	pipeline := tasks + `
  - task: look
    config: {platform: linux, image_resource: {type: mock}, inputs: [{name: code, path: a/b}, {name: other, optional: true}], run: {path: look, dir: a/b}}
`
	seen := ""
	s := newTaskSite(t, pipeline, func(_ context.Context, r player.TaskRun) error {
		if r.Name == "deploy" {
			return os.WriteFile(filepath.Join(r.Dir, "code", "version"), []byte("spoiled"), 0o600)
		}
		text, err := os.ReadFile(filepath.Join(r.Dir, "version"))
		seen = string(text)
		return err
	})
	if got := s.tick(t); !slices.Equal(got, []string{"ship succeeded"}) || seen != " 1.3.0 \n" {
		t.Errorf("outcomes %q, and the second task saw %q", got, seen)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("%d directories are left, %v", len(left), err)
	}
}

func TestTick_failsABuildWhoseTaskCannotRun(t *testing.T) {
	for _, c := range []struct{ name, from, to, want string }{
		{"an unknown input", "inputs: [{name: code}]", "inputs: [{name: code}, {name: keys}]", "missing inputs: keys"},
		{"an unknown credential", "((password))", "((nobody))", "undefined vars: nobody"},
		{"an unknown credential of the image", "ghcr.io/ada/ship", "((nobody))", "undefined vars: nobody"},
		{"an unknown argument", "--from", "((nobody))", "undefined vars: nobody"},
		{"a variable that was not loaded", "((.:version)),", "((.:other)),", "undefined vars: .:other"},
		{"a credential with the name of a variable", "((.:version)),", "((version)),", "undefined vars: version"},
		{"a file that is not there", "file: code/version", "file: code/none", "file 'none' not found within artifact 'code'"},
		{"a file of nobody", "file: code/version", "file: keys/version", "unknown artifact source: 'keys' in file path 'keys/version'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newTaskSite(t, edit(t, c.from, c.to), func(context.Context, player.TaskRun) error {
				t.Error("it was run")
				return nil
			})
			if got := s.tick(t); !slices.Equal(got, []string{"ship failed"}) {
				t.Errorf("outcomes %q", got)
			}
			if log := s.atc.builds[0].log.String(); log != c.want+"\n" {
				t.Errorf("log = %q, want %q", log, c.want)
			}
		})
	}
	s := newTaskSite(t, tasks, func(context.Context, player.TaskRun) error { return errors.New("ship exited with 3: no water") })
	outcomes, err := s.player.Tick(t.Context())
	if err != nil || len(outcomes) != 1 || outcomes[0].Status != "failed" {
		t.Fatalf("outcomes %+v, %v", outcomes, err)
	}
	wantError(t, outcomes[0].Err, "ship exited with 3: no water")
}

func TestTick_endsATaskAtItsTimeout(t *testing.T) {
	s := newTaskSite(t, edit(t, "task: deploy", "task: deploy\n    timeout: 1ms"), func(ctx context.Context, _ player.TaskRun) error {
		<-ctx.Done()
		return errors.New("killed")
	})
	if got := s.tick(t); !slices.Equal(got, []string{"ship failed"}) {
		t.Errorf("outcomes %q", got)
	}
	if log := s.atc.builds[0].log.String(); log != "timeout exceeded\n" {
		t.Errorf("log = %q", log)
	}
}

func TestTick_redactsSecretsInTheLog(t *testing.T) {
	for _, c := range []struct {
		name, from, to string
		write          []string
		want           string
	}{
		{"a credential", "", "", []string{"key hunter22 and nes", "ted\n"}, "key ((redacted)) and ((redacted))\n"},
		{"a variable that may be shown", "", "", []string{"version 1.3.0\n"}, "version 1.3.0\n"},
		{"a variable that may not", ", reveal: true", "", []string{"version 1.3.0\n"}, "version ((redacted))\n"},
		{"all of it as it is", "file: code/version, reveal: true", "file: code/version, format: raw", []string{"1.3.0", "\nno end"}, "((redacted))\nno end"},
	} {
		t.Run(c.name, func(t *testing.T) {
			pipeline := tasks
			if c.from != "" {
				pipeline = edit(t, c.from, c.to)
			}
			s := newTaskSite(t, pipeline, func(_ context.Context, r player.TaskRun) error {
				for _, text := range c.write {
					_, _ = io.WriteString(r.Log, text)
				}
				return nil
			})
			s.tick(t)
			if log := s.atc.builds[0].log.String(); log != c.want {
				t.Errorf("log = %q, want %q", log, c.want)
			}
			for _, h := range s.happening {
				if h.Kind == "load_var" && (h.Value != "") != strings.Contains(pipeline, "reveal") {
					t.Errorf("it told the value %q", h.Value)
				}
			}
		})
	}
}

func TestTick_asksTheCredentialManagerEachTime(t *testing.T) {
	s := newTaskSite(t, tasks, nil)
	value := 0
	s.player.Lookup = func(name string) (string, bool) {
		value++
		return fmt.Sprintf("%s-%d", name, value), name != "nobody"
	}
	var env []string
	s.player.Task = func(_ context.Context, r player.TaskRun) error {
		env = append(env, r.Env[0])
		return nil
	}
	if o, err := s.player.Trigger(t.Context(), "ship"); err != nil || o.Err == nil || o.Err.Error() != "no versions of code available" {
		t.Errorf("before the first check: %+v, %v", o, err)
	}
	s.tick(t)
	if o, err := s.player.Trigger(t.Context(), "ship"); err != nil || o.Err != nil {
		t.Errorf("by hand: %+v, %v", o, err)
	}
	if len(env) != 2 || !strings.HasPrefix(env[0], "KEY=password-") || env[0] == env[1] {
		t.Errorf("params %q: want two values of the manager, not of Credentials", env)
	}
}
