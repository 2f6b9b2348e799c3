package player_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/player"
)

// fakeATC keeps a pipeline and its builds.
type fakeATC struct {
	config    string
	configErr error
	startErr  error
	stepErrs  []error // of the next steps
	finishErr error
	builds    []*fakeBuild
}

// fakeBuild is a build of fakeATC.
type fakeBuild struct {
	atc           *fakeATC
	job, status   string
	name          string
	interruptible bool
	steps         []string // resource types that had a container
	log           bytes.Buffer
}

func (a *fakeATC) Config() ([]byte, error) { return []byte(a.config), a.configErr }

func (a *fakeATC) Start(job string, interruptible bool) (player.Build, error) {
	if a.startErr != nil {
		return nil, a.startErr
	}
	b := &fakeBuild{atc: a, job: job, name: fmt.Sprint(len(a.builds) + 1), interruptible: interruptible}
	a.builds = append(a.builds, b)
	return b, nil
}

func (b *fakeBuild) Name() string { return b.name }
func (b *fakeBuild) Job() string  { return b.job }
func (b *fakeBuild) Env() []string {
	return []string{"BUILD_NAME=" + b.name, "BUILD_JOB_NAME=" + b.job}
}
func (b *fakeBuild) Log() io.Writer { return &b.log }
func (b *fakeBuild) Status() string { return b.status }

func (b *fakeBuild) Step(resourceType string) error {
	b.steps = append(b.steps, resourceType)
	if list := b.atc.stepErrs; len(list) > 0 {
		b.atc.stepErrs = list[1:]
		if list[0] != nil {
			b.status = "errored"
		}
		return list[0]
	}
	return nil
}

func (b *fakeBuild) Finish(status string) error {
	if b.status == "" {
		b.status = status
	}
	return b.atc.finishErr
}

// site is a player with a program made of shell commands, which notes how it is run.
type site struct {
	atc       *fakeATC
	player    *player.Player
	dir       string
	happening []player.Happening
}

// shell are the commands of a program, by verb.
type shell struct{ check, in, out string }

// echoes answers as a resource with one version.
var echoes = shell{
	check: `echo '[{"n":"1"}]'`,
	in:    `echo '{"version":{"n":"1"},"metadata":[{"name":"got","value":"it"}]}'`,
	out:   `echo '{"version":{"n":"2"}}'`,
}

// newSite makes a site. Its program runs in the folder site.dir.
func newSite(t *testing.T, pipeline string, program shell) *site {
	t.Helper()
	s := &site{atc: &fakeATC{config: pipeline}, dir: t.TempDir()}
	s.player = &player.Player{
		ATC: s.atc, Program: s.program(t, program), Credentials: map[string]string{"password": "hunter22", "a/b.c:d": "nested"},
		Observe: func(h player.Happening) { s.happening = append(s.happening, h) },
	}
	return s
}

// program writes a program that notes its verb, its directory and stdin.
func (s *site) program(t *testing.T, program shell) string {
	t.Helper()
	path := filepath.Join(s.dir, "program")
	text := fmt.Sprintf("#!/bin/sh\ncd %q\necho \"$1 ${2##*/} $BUILD_NAME $(cat)\" >> calls\ncase \"$1\" in\ncheck) %s ;;\nin) %s ;;\nout) %s ;;\nesac\n",
		s.dir, program.check, program.in, program.out)
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// change gives the site another program.
func (s *site) change(t *testing.T, program shell) { s.program(t, program) }

// calls are the runs of the program, each as "verb directory build stdin".
func (s *site) calls(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "calls"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
}

// count is how many calls start with a text.
func (s *site) count(t *testing.T, prefix string) int {
	t.Helper()
	return len(slices.DeleteFunc(s.calls(t), func(call string) bool { return !strings.HasPrefix(call, prefix) }))
}

// tick ticks and gives how the builds ended, each as "job status".
func (s *site) tick(t *testing.T) []string {
	t.Helper()
	outcomes, err := s.player.Tick(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ended := []string{}
	for _, o := range outcomes {
		ended = append(ended, o.Job+" "+o.Status)
	}
	return ended
}

// wantError wants an error that says all the parts.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want one with %q", parts)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}
