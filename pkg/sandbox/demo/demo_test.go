package demo_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/aws/policy"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/demo"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/demo/installation"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/testkit"
)

// patch is a version of Concourse with the installed one's worker version and schema.
const patch = "8.2.5"

// built is the directory of the binary that all tests share.
var built string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "demo-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// programs builds what ships, once; its keys are short.
var programs = sync.OnceValues(func() (string, error) {
	overlay, err := testkit.ShortKeys(built)
	if err != nil {
		return "", err
	}
	command := exec.Command("go", slices.Concat([]string{"build"}, overlay, []string{"-ldflags", "-s -w", "-o", built + string(filepath.Separator), "./cmd/resource", "./cmd/perpetual"})...)
	command.Dir = filepath.Join("..", "..", "..")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the programs: %w: %s", err, text)
	}
	return built, nil
})

// play plays a scenario with the real programs and gives its timeline.
func play(t *testing.T, o demo.Options) (timeline string, err error) {
	t.Helper()
	if testing.Short() {
		t.Skip("it builds the programs and plays for some seconds: not with -short")
	}
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	o.Program, o.Out = filepath.Join(dir, "resource"), &out
	if o.Installer == "" {
		o.Installer = filepath.Join(dir, "perpetual")
	}
	if o.Scenario == demo.Install {
		for _, text := range policy.Installer(policy.Scope{}) {
			o.InstallerPolicies = append(o.InstallerPolicies, string(text))
		}
		o.Boundary = string(policy.Boundary(policy.Scope{}))
	}
	err = demo.Run(t.Context(), o)
	return out.String(), err
}

// replace makes a pipeline of another.
func replace(from, to string) func(pipeline string) string {
	return func(pipeline string) string {
		if !strings.Contains(pipeline, from) {
			return "" // Concourse refuses it: the pipeline has changed, and the test must too
		}
		return strings.Replace(pipeline, from, to, 1)
	}
}

func TestRun_showsWhatEachScenarioPromises(t *testing.T) {
	for _, c := range []struct {
		name string
		o    demo.Options
		want []string
	}{
		{"an upgrade that works", demo.Options{Scenario: demo.Success}, []string{"verify #2    build succeeded", "deploy         nothing to deploy", "perpetual      0.0.0-dev → 1.3.0", "perpetual      1.3.0 (unchanged)"}},
		{"an upgrade of the only worker", demo.Options{Scenario: demo.Success, Options: installation.Options{Workers: 1}}, []string{"verify #2    build succeeded"}},
		{"an upgrade whose workers stay compatible", demo.Options{Scenario: demo.Success, Concourse: patch}, []string{"verify #2    build succeeded", "its worker had drained only after the build had ended"}},
		// The upgrade sets the bundled pipeline before it deploys, and so brings back what somebody took away.
		{"a failing upgrade of a pipeline that does not verify", demo.Options{Scenario: demo.Failure, Alter: replace("verify: true", "verify: false")}, []string{"verify #2    build failed"}},
		{"an upgrade that fails", demo.Options{Scenario: demo.Failure}, []string{"upgrade #2   build succeeded", "verify #2    build failed", "Updating instance", "worker/"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			timeline, err := play(t, c.o)
			if err != nil {
				t.Errorf("%v", err)
			}
			for _, want := range append(c.want, "Seen:") {
				if !strings.Contains(timeline, want) {
					t.Errorf("the timeline does not say %q", want)
				}
			}
			if t.Failed() {
				t.Log(timeline)
			}
		})
	}
}

// Each of these takes one decision of the bundled pipeline back and shows what
// it is for: the demo must see that the upgrade is not what it should be.
func TestRun_seesWhyThePipelineIsMadeAsItIs(t *testing.T) {
	for _, c := range []struct {
		name string
		o    demo.Options
		want []string
	}{
		// The worker is landing when the put has succeeded, and takes no
		// container for the get that comes after it.
		{"an implicit get after the put", demo.Options{Scenario: demo.Success, Options: installation.Options{Workers: 1}, Concourse: patch, Alter: replace("no_get: true", "no_get: false")},
			[]string{"upgrade #2   build errored: no workers satisfying: resource type 'perpetual'", "NO   the build that started the upgrade is green"}},
		// A landing worker does not wait for the builds of such a job.
		{"an interruptible upgrade", demo.Options{Scenario: demo.Success, Options: installation.Options{Workers: 1}, Concourse: patch, Alter: replace("name: upgrade\n", "name: upgrade\n  interruptible: true\n")},
			[]string{"upgrade #2   build errored", "NO   the build that started the upgrade is green", "NO   its worker had drained only after the build had ended"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			timeline, err := play(t, c.o)
			if err == nil || !strings.Contains(err.Error(), "did not happen as they must") {
				t.Errorf("error = %v, want one that counts what did not happen", err)
			}
			for _, want := range c.want {
				if !strings.Contains(timeline, want) {
					t.Errorf("the timeline does not say %q", want)
				}
			}
			if t.Failed() {
				t.Log(timeline)
			}
		})
	}
}

func TestRun_saysWhyItCannotPlay(t *testing.T) {
	err := demo.Run(t.Context(), demo.Options{Scenario: "comedy", Options: installation.Options{Out: io.Discard}})
	if err == nil || err.Error() != `play the demo: unknown scenario "comedy"; want success, fail or install` {
		t.Errorf("unknown scenario: %v", err)
	}
	err = demo.Run(t.Context(), demo.Options{Scenario: demo.Success, Options: installation.Options{Program: filepath.Join(t.TempDir(), "none"), Out: io.Discard}})
	if err == nil || !strings.HasPrefix(err.Error(), "install: run check: ") || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no program: %v", err)
	}
}
