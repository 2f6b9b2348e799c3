package demo_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/demo"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/demo/installation"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/publisher"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/ruby"
)

// needRuby skips a test on a machine where there is no ruby and none can be fetched.
func needRuby(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("it installs, upgrades and destroys for a minute: not with -short")
	}
	if _, err := ruby.Path(t.Context()); err != nil {
		t.Skipf("the director's templates need ruby: %v", err)
	}
}

// script writes a program of shell commands.
func script(t *testing.T, commands string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "perpetual")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+commands+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRun_installsUpgradesAndDestroys(t *testing.T) {
	needRuby(t)
	t.Parallel()
	timeline, err := play(t, demo.Options{Scenario: demo.Install})
	if err != nil {
		t.Errorf("%v", err)
	}
	for _, want := range []string{
		"the stack was created, ", "written meanwhile: 0 at AWS, 0 by the CPI, 0 at the director, 0 at Concourse",
		"loaded perpetual_version 1.3.0", "in ghcr.io/perpetual-ci/perpetual:1.3.0-installer@" + publisher.ImageDigest("1.3.0", "installer") + ": perpetual deploy ci --self --components components",
		"write operator/configuration.json: AWS answers 403 AccessDenied", "read operator/credentials.json, and decrypt it with the pipeline's key: it is encrypted to other keys",
		"exits with 1: state: verify operator/configuration.json: it is not signed by the expected key", "operator/configuration.json is an older version with serial ",
		" retiring\n", "way: quiet: worker version 2.5 → 3.0", "verify #2      build succeeded", "ci is up to date: deploy would change nothing.", "left: the last snapshot",
		"account        1 database snapshot\n", "Seen:",
	} {
		if !strings.Contains(timeline, want) {
			t.Errorf("the timeline does not say %q", want)
		}
	}
	if t.Failed() {
		t.Log(timeline)
	}
}

func TestRun_seesASecondRunThatMakesTheDirectorAgain(t *testing.T) {
	needRuby(t)
	t.Parallel()
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	again := filepath.Join(t.TempDir(), "again")
	program := script(t, fmt.Sprintf(`case "$*" in
*--self*) ;;
deploy*) if [ -e %[1]q ]; then set -- "$@" --recreate; fi; touch %[1]q ;;
esac
exec %[2]q "$@"`, again, filepath.Join(dir, "perpetual")))
	timeline, err := play(t, demo.Options{Scenario: demo.Install, Options: installation.Options{Installer: program}})
	if err == nil || !strings.HasPrefix(err.Error(), "2 of ") || !strings.HasSuffix(err.Error(), " things did not happen as they must") {
		t.Errorf("error = %v, want one that counts two things", err)
	}
	for _, want := range []string{"NO   a second run changed nothing", "NO   and nothing was written to AWS, by the CPI, at the director or at Concourse"} {
		if !strings.Contains(timeline, want) {
			t.Errorf("the timeline does not say %q", want)
		}
	}
	if t.Failed() {
		t.Log(timeline)
	}
}

// The pipeline's keys may do everything here, and the operator takes whatever is stored.
func TestRun_seesThatADoorIsOpen(t *testing.T) {
	needRuby(t)
	t.Parallel()
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	program := script(t, fmt.Sprintf(`case "$*" in
*--self*) ;;
plan*|deploy*) set -- "$@" --accept-stored ;;
esac
exec %q "$@"`, filepath.Join(dir, "perpetual")))
	timeline, err := play(t, demo.Options{Scenario: demo.Install, Options: installation.Options{Installer: program, PipelinePolicy: `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}`}})
	if err == nil || !strings.HasPrefix(err.Error(), "4 of ") {
		t.Errorf("error = %v, want one that counts four things", err)
	}
	for _, want := range []string{
		"NO   with the pipeline's keys nobody writes operator/configuration.json", "NO   nor reads a parameter that is not the pipeline's",
		"yes  plan and deploy refuse the document when somebody else has changed it", "NO   and when it is an older one", "NO   and nothing was written by any of that",
	} {
		if !strings.Contains(timeline, want) {
			t.Errorf("the timeline does not say %q", want)
		}
	}
	if t.Failed() {
		t.Log(timeline)
	}
}

func TestRun_endsWhenTheInstallerDoes(t *testing.T) {
	needRuby(t)
	for _, c := range []struct{ name, program, want string }{
		{"a failure", script(t, `echo 'one' >&2; echo '{"event":"error","text":"no credits"}' >&2; exit 3`), "perpetual deploy exited with 3: no credits"},
		{"a success without effect", script(t, "echo '{}'"), "perpetual deploy has ended well, but there is no Concourse"},
		{"no result", script(t, "echo deployed"), "decode what perpetual deploy has printed"},
		{"no program", filepath.Join(t.TempDir(), "none"), "run perpetual deploy: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			err := demo.Run(t.Context(), demo.Options{Scenario: demo.Install, Options: installation.Options{Installer: c.program, Out: &out}})
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("error = %v, want one with %q", err, c.want)
			}
			if c.name == "a failure" && !strings.Contains(out.String(), "error: no credits") {
				t.Errorf("the timeline does not say why:\n%s", out.String())
			}
			if strings.Contains(out.String(), "Seen:") {
				t.Error("it judges what was not played")
			}
		})
	}
}

func TestRun_saysThatRubyIsToBeInstalled(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	err := demo.Run(t.Context(), demo.Options{Scenario: demo.Install, Options: installation.Options{Installer: "perpetual", Out: io.Discard}})
	if err == nil || !strings.HasPrefix(err.Error(), "play the demo: install ruby, ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error = %v, want one line that says what to install", err)
	}
}
