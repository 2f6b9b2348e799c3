package installer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// binary is the program under test, as it ships.
var binary string

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
	binary = filepath.Join(dir, "perpetual")
	build := exec.Command("go", "build", "-ldflags", "-X github.com/perpetual-ci/perpetual/pkg/command.Version=1.2.3",
		"-o", binary, "../../../cmd/perpetual")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

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
	ctx, cancel := context.WithTimeout(t.Context(), tooLong)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
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
