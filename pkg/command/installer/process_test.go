package installer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/testkit"
)

// binary is the program under test. It is what ships but for its keys, which are short.
var binary string

// overlay are the arguments of go build that make keys short.
var overlay []string

// tooLong is when a process counts as hanging, also on a machine that is busy with other
// work: it is only there to show, before the tests are ended, what the process has said.
const tooLong = 25 * time.Minute

func TestMain(m *testing.M) { os.Exit(withBinary(m)) }

// withBinary builds the program once, runs all tests and removes it.
func withBinary(m *testing.M) int {
	dir, err := os.MkdirTemp("", "perpetual-binary-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if overlay, err = testkit.ShortKeys(dir); err == nil {
		binary, err = buildProgram(dir, "perpetual", slices.Concat(overlay, versioned)...)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// versioned are the arguments of go build that say what release the program is.
var versioned = []string{"-ldflags", "-s -w -X github.com/perpetual-ci/perpetual/pkg/command.Version=1.2.3"}

// buildProgram builds cmd/perpetual under a name in dir.
func buildProgram(dir, name string, args ...string) (string, error) {
	path := filepath.Join(dir, name)
	build := exec.Command("go", slices.Concat([]string{"build", "-o", path}, args, []string{"../../../cmd/perpetual"})...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return path, nil
}

// shippedBinary is the program as it ships, keys included. It is made when a test first
// needs it.
var shippedBinary = sync.OnceValues(func() (string, error) {
	return buildProgram(filepath.Dir(binary), "perpetual-shipped", versioned...)
})

// process is a program that has ended.
type process struct {
	stdout, stderr string
	code           int
}

// run runs the program in dir to its end, with nothing but env around it.
func run(t *testing.T, dir string, env []string, args ...string) process {
	t.Helper()
	return runWith(t, dir, env, "", args...)
}

// runWith is run with a text on stdin.
func runWith(t *testing.T, dir string, env []string, stdin string, args ...string) process {
	t.Helper()
	return runProgram(t, binary, dir, env, stdin, args...)
}

// runProgram is runWith of any build of the program.
func runProgram(t *testing.T, program, dir string, env []string, stdin string, args ...string) process {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), tooLong)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(environ(dir), env...)
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("run %v: %v", args, err)
	}
	return process{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// environ is all that a process finds in its environment by itself.
func environ(home string) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "AWS_EC2_METADATA_DISABLED=true"}
}

// write writes files below a directory.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// refuses runs the program, which must say why not in one line with all parts,
// print no result and make no file.
func refuses(t *testing.T, files map[string]string, env, args []string, parts ...string) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, files)
	p := run(t, dir, env, args...)
	if p.code != 1 || p.stdout != "" {
		t.Errorf("code %d, stdout %q, want 1 and nothing", p.code, p.stdout)
	}
	if !strings.HasPrefix(p.stderr, "error: ") || strings.Count(p.stderr, "\n") != 1 || !strings.HasSuffix(p.stderr, "\n") {
		t.Errorf("stderr is not one line of error:\n%s", p.stderr)
	}
	for _, part := range parts {
		if !strings.Contains(p.stderr, part) {
			t.Errorf("stderr lacks %q:\n%s", part, p.stderr)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != len(files) {
		t.Errorf("%d files in the directory (%v), there were %d", len(left), err, len(files))
	}
}
