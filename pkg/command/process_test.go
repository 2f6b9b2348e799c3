package command_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The binaries under test, as they ship.
var resourceBinary, perpetualBinary string

// tooLong is when a process counts as hanging, also on a machine that is busy with other
// work: it is only there to show, before the tests are ended, what the process has said.
const tooLong = 25 * time.Minute

// programVersion is what the binaries under test call themselves.
const programVersion = "1.2.3"

func TestMain(m *testing.M) {
	flag.Parse()
	// Cases wait for retries more than they compute.
	if parallel, ok := flag.Lookup("test.parallel").Value.(flag.Getter).Get().(int); !ok || parallel < 24 {
		_ = flag.Set("test.parallel", "24")
	}
	os.Exit(withBinaries(m))
}

// withBinaries builds the binaries once, runs all tests and removes them.
func withBinaries(m *testing.M) int {
	dir, err := os.MkdirTemp("", "perpetual-binaries-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	build := exec.Command("go", "build", "-ldflags", "-s -w -X github.com/perpetual-ci/perpetual/pkg/command.Version="+programVersion,
		"-o", dir+"/", "../../cmd/resource", "../../cmd/perpetual")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the binaries: %v\n%s", err, out)
		return 1
	}
	resourceBinary, perpetualBinary = filepath.Join(dir, "resource"), filepath.Join(dir, "perpetual")
	return m.Run()
}

// process is a program that has ended.
type process struct {
	stdout, stderr string
	code           int
}

// invocation is a program to run.
type invocation struct {
	argv0 string // what the program believes to be called; default: its path
	path  string // default: resourceBinary
	args  []string
	stdin io.Reader // default: empty
	env   []string  // default: none, so that no proxy of this machine comes in
	// memory, if set, is how many KiB of data the program may have.
	memory int
}

// command prepares the program; it is killed when the test has waited too long.
func (i invocation) command(t *testing.T) (cmd *exec.Cmd, stdout, stderr *bytes.Buffer) {
	t.Helper()
	if i.path == "" {
		i.path = resourceBinary
	}
	if i.memory > 0 {
		limited := fmt.Sprintf(`ulimit -d %d && exec "$0" "$@"`, i.memory)
		i.path, i.args = "/bin/sh", append([]string{"-c", limited, i.path}, i.args...)
	}
	ctx, cancel := context.WithTimeout(t.Context(), tooLong)
	t.Cleanup(cancel)
	cmd = exec.CommandContext(ctx, i.path, i.args...)
	if i.argv0 != "" {
		cmd.Args[0] = i.argv0
	}
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = i.stdin, stdout, stderr, i.env
	if cmd.Env == nil {
		cmd.Env = []string{"PATH=/nonexistent"}
	}
	return cmd, stdout, stderr
}

// run runs the program to its end.
func (i invocation) run(t *testing.T) process {
	t.Helper()
	cmd, stdout, stderr := i.command(t)
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("run %v: %v", i.args, err)
	}
	return process{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// ask runs check, in or out with a request. dir is the argument of in and out.
func ask(t *testing.T, verb string, request any, dir string, env ...string) process {
	t.Helper()
	i := invocation{args: []string{verb}, stdin: stdin(t, request), env: env}
	if dir != "" {
		i.args = append(i.args, dir)
	}
	return i.run(t)
}

// stdin encodes a request; a string goes in as it is.
func stdin(t *testing.T, request any) io.Reader {
	t.Helper()
	if text, ok := request.(string); ok {
		return strings.NewReader(text)
	}
	text, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(text)
}

// answer decodes stdout of a process that must have succeeded, and wants
// exactly one JSON value there.
func answer[T any](t *testing.T, p process) T {
	t.Helper()
	var value T
	if p.code != 0 {
		t.Fatalf("exit code %d, stderr:\n%s", p.code, p.stderr)
	}
	decoder := json.NewDecoder(strings.NewReader(p.stdout))
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("decode stdout %q: %v", p.stdout, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		t.Fatalf("stdout holds more than one value: %q", p.stdout)
	}
	return value
}

// result is the stdout of in and out.
type result struct {
	Version  map[string]string
	Metadata []struct{ Name, Value string }
}

// field is a line of metadata, "" if it is not there.
func (r result) field(name string) string {
	for _, f := range r.Metadata {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// refused wants what every error looks like: exit code 1, nothing on stdout, and
// exactly one line of error, the last one, which names each of the places.
func refused(t *testing.T, p process, places ...string) {
	t.Helper()
	wrong(t, p, 1, places...)
}

// interrupted wants the same of a run that SIGTERM has ended, with the exit code
// that shells have for it.
func interrupted(t *testing.T, p process, places ...string) {
	t.Helper()
	wrong(t, p, 143, append(places, "interrupted by SIGTERM")...)
}

func wrong(t *testing.T, p process, code int, places ...string) {
	t.Helper()
	t.Log(p.stderr)
	if p.code != code {
		t.Errorf("exit code %d, want %d", p.code, code)
	}
	if p.stdout != "" {
		t.Errorf("stdout is %q, want nothing", p.stdout)
	}
	lines := strings.Split(strings.TrimSuffix(p.stderr, "\n"), "\n")
	last := lines[len(lines)-1]
	if !strings.HasPrefix(last, "error: ") || !strings.HasSuffix(p.stderr, "\n") {
		t.Errorf("the last line of stderr is not an error: %q", last)
	}
	for _, line := range lines[:len(lines)-1] {
		if strings.HasPrefix(line, "error") || strings.HasPrefix(line, "panic") || strings.HasPrefix(line, "goroutine") {
			t.Errorf("stderr holds another error: %q", line)
		}
	}
	for _, place := range places {
		if !strings.Contains(last, place) {
			t.Errorf("the error does not say %q:\n%s", place, last)
		}
	}
}

// files lists what is below a directory, with contents; a directory that is not
// there holds nothing.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			found[name+"/"] = ""
			return nil
		}
		text, err := os.ReadFile(path)
		found[name] = string(text)
		return err
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return found
}

// write writes files below a directory.
func write(t *testing.T, dir string, content map[string]string) {
	t.Helper()
	for name, text := range content {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// words splits a list.
func words(list string) []string { return strings.Fields(list) }

// cutScheme splits https://host.
func cutScheme(url string) (scheme, host string, found bool) { return strings.Cut(url, "://") }

func itoa(n int) string { return strconv.Itoa(n) }
