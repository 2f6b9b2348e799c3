// Package image_test holds the scripts that build the images to their word: here
// with stand-ins for the engines, and with the build tag image for real, in the
// images' own root filesystems.
package image_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// dockerWithEngine and the other stand-ins write down how they were called.
const (
	dockerWithEngine    = `echo "docker $*" >>"$LOG"`
	dockerWithoutEngine = `[ "$1" != info ] || exit 1; echo "docker $*" >>"$LOG"`
	buildahThatWorks    = `echo "buildah $*" >>"$LOG"`
	buildahThatFails    = `echo "buildah $*" >>"$LOG"; exit 125`
)

// outcome is what a script left: its exit code, both streams, and the calls it made.
type outcome struct {
	code           int
	stdout, stderr string
	calls          []string
}

// runScript runs a script of this folder where no programs exist but the given
// stand-ins and the few that any POSIX system has.
func runScript(t *testing.T, script string, standIns map[string]string, env ...string) outcome {
	t.Helper()
	bin := t.TempDir()
	for _, name := range []string{"dirname", "grep", "head", "mktemp", "printenv", "rm", "sed", "tr"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Skipf("a POSIX system is needed: %v", err)
		}
		if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, body := range standIns {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	log := filepath.Join(t.TempDir(), "calls")
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "./"+script)
	cmd.Env = append([]string{"PATH=" + bin, "LOG=" + log, "TMPDIR=" + t.TempDir()}, env...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Fatal(err)
		}
	}
	calls, err := os.ReadFile(log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return outcome{
		code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String(),
		calls: strings.FieldsFunc(string(calls), func(r rune) bool { return r == '\n' }),
	}
}

func TestBuild_takesTheEngineThatWorks(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		standIns map[string]string
		env      []string
		want     string
	}{
		"docker with an engine":           {map[string]string{"docker": dockerWithEngine, "buildah": buildahThatWorks}, nil, "docker build "},
		"docker's client alone":           {map[string]string{"docker": dockerWithoutEngine, "buildah": buildahThatWorks}, nil, "buildah bud "},
		"no docker":                       {map[string]string{"buildah": buildahThatWorks}, nil, "buildah bud "},
		"docker works, buildah asked for": {map[string]string{"docker": dockerWithEngine, "buildah": buildahThatWorks}, []string{"ENGINE=buildah"}, "buildah bud "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := runScript(t, "build.sh", test.standIns, append(test.env, "VERSION=1.2.3")...)
			builds := callsWith(got.calls, " --target ")
			if got.code != 0 || len(builds) != 2 {
				t.Fatalf("got exit code %d and the calls %q, want both images built; stderr: %s", got.code, got.calls, got.stderr)
			}
			for i, target := range []string{"resource --tag perpetual:1.2.3 .", "installer --tag perpetual:1.2.3-installer ."} {
				if !strings.HasPrefix(builds[i], test.want) || !strings.HasSuffix(builds[i], "--target "+target) {
					t.Errorf("got %q, want %q… for the target %q", builds[i], test.want, target)
				}
			}
			if want := "perpetual:1.2.3\nperpetual:1.2.3-installer\n"; !strings.HasSuffix(got.stdout, want) {
				t.Errorf("got stdout %q, want the images' names at its end", got.stdout)
			}
		})
	}
}

func TestBuild_saysWhatToDoWhenNothingCanBuild(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		standIns map[string]string
		env      []string
		want     string
	}{
		"no engine":      {map[string]string{"docker": dockerWithoutEngine}, nil, "apt-get install buildah"},
		"unknown engine": {nil, []string{"ENGINE=kaniko"}, `ENGINE is "kaniko": docker or buildah`},
		"engine fails":   {map[string]string{"buildah": buildahThatFails}, nil, "build the image perpetual:1.2.3: buildah ended with an error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := runScript(t, "build.sh", test.standIns, append(test.env, "VERSION=1.2.3")...)
			if got.code != 1 || got.stdout != "" || !strings.Contains(got.stderr, test.want) {
				t.Errorf("got exit code %d, stdout %q, stderr %q, want 1, nothing, and %q", got.code, got.stdout, got.stderr, test.want)
			}
			if builds := callsWith(got.calls, "--target installer"); len(builds) > 0 {
				t.Errorf("went on with %q", builds)
			}
		})
	}
}

func TestBuild_handsOnWhatItIsGiven(t *testing.T) {
	t.Parallel()
	modules, objects := t.TempDir(), t.TempDir()
	for name, test := range map[string]struct {
		env        []string
		want, deny []string
	}{
		"base images": {
			env: []string{"GO_BASE=g:1", "DEBIAN_BASE=d:2", "CERTIFICATES_BASE=c:3"},
			want: []string{
				"--build-arg GO=g:1 ", "--build-arg DEBIAN=d:2 ", "--build-arg CERTIFICATES=c:3 ",
			},
		},
		"no base images": {deny: []string{"GO=", "DEBIAN=", "CERTIFICATES="}},
		"module settings": {
			env:  []string{"GOPROXY=https://proxy.example.com,direct", "GOPRIVATE=example.com"},
			want: []string{"--build-arg GOPROXY=https://proxy.example.com,direct ", "--build-arg GOPRIVATE=example.com "},
			deny: []string{"GOSUMDB="},
		},
		"labels": {env: []string{"LICENCE=MIT"}, want: []string{"--build-arg LICENCE=MIT ", "--build-arg REVISION=", "--build-arg REVISION_DATE="}},
		"name and a version with build metadata": {
			env:  []string{"IMAGE=registry.example.com/p", "VERSION=1.2.3+4"},
			want: []string{"--build-arg VERSION=1.2.3+4 ", "--tag registry.example.com/p:1.2.3_4"},
		},
		"caches": {
			env:  []string{"MODULE_CACHE=" + modules, "BUILD_CACHE=" + objects},
			want: []string{"--volume " + modules + ":/go/pkg/mod ", "--volume " + objects + ":/root/.cache/go-build "},
		},
		"no caches": {env: []string{"MODULE_CACHE=", "BUILD_CACHE="}, deny: []string{"--volume"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := runScript(t, "build.sh", map[string]string{"buildah": buildahThatWorks}, test.env...)
			builds := callsWith(got.calls, " --target ")
			if got.code != 0 || len(builds) != 2 {
				t.Fatalf("got exit code %d and the calls %q; stderr: %s", got.code, got.calls, got.stderr)
			}
			for _, build := range builds {
				for _, want := range test.want {
					if !strings.Contains(build, want) {
						t.Errorf("got %q, want %q in it", build, want)
					}
				}
				for _, deny := range test.deny {
					if strings.Contains(build, deny) {
						t.Errorf("got %q, want no %q in it", build, deny)
					}
				}
			}
		})
	}
}

// A tag is another image tomorrow, so that nobody could build a release again.
func TestBuild_ofAReleaseWantsBasesByDigest(t *testing.T) {
	t.Parallel()
	digest := "@sha256:" + strings.Repeat("0a", 32)
	for name, test := range map[string]struct {
		env  []string
		want string // in the error; empty: it is built
	}{
		"no bases":             {nil, `GO_BASE is ""`},
		"a tag":                {[]string{"GO_BASE=golang:1.26-bookworm", "DEBIAN_BASE=debian" + digest}, `GO_BASE is "golang:1.26-bookworm"`},
		"one base of two":      {[]string{"GO_BASE=golang" + digest}, `DEBIAN_BASE is ""`},
		"a short digest":       {[]string{"GO_BASE=golang" + digest, "DEBIAN_BASE=debian@sha256:0a0a"}, `DEBIAN_BASE is "debian@sha256:0a0a"`},
		"a digest of its own":  {[]string{"GO_BASE=golang" + digest, "DEBIAN_BASE=" + digest}, `DEBIAN_BASE is "@sha256:`},
		"certificates by tag":  {[]string{"GO_BASE=golang" + digest, "DEBIAN_BASE=debian" + digest, "CERTIFICATES_BASE=c:3"}, `CERTIFICATES_BASE is "c:3"`},
		"digests":              {[]string{"GO_BASE=golang" + digest, "DEBIAN_BASE=debian" + digest}, ""},
		"a tag and its digest": {[]string{"GO_BASE=golang:1.26" + digest, "DEBIAN_BASE=debian:12" + digest, "CERTIFICATES_BASE=c" + digest}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := runScript(t, "build.sh", map[string]string{"buildah": buildahThatWorks}, append(test.env, "RELEASE=1", "VERSION=1.2.3")...)
			builds := callsWith(got.calls, " --target ")
			if test.want == "" {
				if got.code != 0 || len(builds) != 2 {
					t.Errorf("got exit code %d and the calls %q; stderr: %s", got.code, got.calls, got.stderr)
				}
				return
			}
			if got.code != 1 || got.stdout != "" || strings.Count(got.stderr, "\n") != 1 || !strings.Contains(got.stderr, test.want) || len(builds) > 0 {
				t.Errorf("got exit code %d, stdout %q, stderr %q and %q, want 1, nothing, one line with %q, and no build", got.code, got.stdout, got.stderr, builds, test.want)
			}
		})
	}
}

func TestBuild_removesOnlyTheUnnamedImageThatItReplaced(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		before, unnamed string
		want            int
	}{
		"first build":                     {"", "5f1e", 0},
		"replaced, and nothing else":      {"4dfe", "sha256:5f1e sha256:4dfe", 2},
		"replaced, but it has a name yet": {"4dfe", "sha256:5f1e", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := runScript(t, "build.sh", map[string]string{
				"buildah": `case $1 in inspect) echo ` + test.before + `;; images) printf '%s\n' ` + test.unnamed + `;; *) echo "$*" >>"$LOG";; esac`,
			})
			removed := callsWith(got.calls, "rmi ")
			if got.code != 0 || len(removed) != test.want {
				t.Errorf("got exit code %d and %q, want %d removals; stderr: %s", got.code, removed, test.want, got.stderr)
			}
			for _, call := range removed {
				if call != "rmi "+test.before {
					t.Errorf("got %q, want the image %q alone removed", call, test.before)
				}
			}
		})
	}
}

func callsWith(calls []string, part string) []string {
	var found []string
	for _, call := range calls {
		if strings.Contains(call, part) {
			found = append(found, call)
		}
	}
	return found
}
