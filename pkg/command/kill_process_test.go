package command_test

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/tlsca"
)

// authority signs the certificates of all worlds, so that what they leave can be
// compared.
var theAuthority = sync.OnceValues(tlsca.New)

func authority(t *testing.T) *tlsca.CA {
	t.Helper()
	ca, err := theAuthority()
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// crashBinary is cmd/resource in a build that can be told to end itself. It is
// made when a test first needs it, and removed with the others.
var crashBinary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(filepath.Dir(resourceBinary), "resource-crash")
	build := exec.Command("go", "build", "-tags", "crash", "-ldflags", "-s -w", "-o", path, "../../cmd/resource")
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build with -tags crash: %w\n%s", err, out)
	}
	return path, nil
})

// victim is a process that may be ended from outside at any time.
type victim struct {
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
	ended          chan struct{}
	late           atomic.Bool // it took longer than patience to go
}

// attack starts the crash build; what it prints may be read once it has ended.
func attack(t *testing.T, env []string, request any, args ...string) *victim {
	t.Helper()
	path, err := crashBinary()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(env, func(s string) bool { return strings.HasPrefix(s, "PERPETUAL_LOG_LEVEL=") }) {
		env = append(slices.Clone(env), "PERPETUAL_LOG_LEVEL=debug") // whatever goes wrong, debug shows no credential
	}
	v := &victim{ended: make(chan struct{})}
	v.cmd, _, _ = invocation{path: path, args: args, stdin: stdin(t, request), env: env}.command(t)
	v.cmd.Stdout, v.cmd.Stderr = &v.stdout, &v.stderr
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = v.cmd.Wait()
		close(v.ended)
	}()
	return v
}

// end sends a signal and waits until the process is gone. One that takes longer
// than Concourse gives it is killed, and noted.
func (v *victim) end(signal syscall.Signal) {
	_ = v.cmd.Process.Signal(signal)
	late, stop := lateness()
	defer stop()
	select {
	case <-v.ended:
	case <-late:
		v.late.Store(true)
		_ = v.cmd.Process.Kill()
		<-v.ended
	}
}

// wait waits for the end, and kills a process that hangs.
func (v *victim) wait(limit time.Duration) (p process, killedBy syscall.Signal, err error) {
	select {
	case <-v.ended:
	case <-time.After(limit):
		_ = v.cmd.Process.Kill()
		<-v.ended
		err = fmt.Errorf("it still ran after %s", limit)
	}
	if v.late.Load() {
		err = errors.Join(err, fmt.Errorf("it was not gone %s after SIGTERM", patience))
	}
	p = process{v.stdout.String(), v.stderr.String(), v.cmd.ProcessState.ExitCode()}
	if status, ok := v.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		killedBy = status.Signal()
	}
	return p, killedBy, err
}

// wellBehaved says what is wrong with the way in which a process ended that was
// not killed: with a result and nothing else on stdout, or with nothing there and
// one line of error at the end of stderr, and an exit code that says whether
// SIGTERM was the cause.
func (p process) wellBehaved() error {
	lines := strings.Split(strings.TrimSuffix(p.stderr, "\n"), "\n")
	last := lines[len(lines)-1]
	switch {
	case p.code == 0 && !strings.HasPrefix(p.stdout, "{"):
		return fmt.Errorf("it succeeded with stdout %q", p.stdout)
	case p.code == 0:
		return nil
	case p.code != 1 && p.code != 143:
		return fmt.Errorf("exit code %d:\n%s", p.code, p.stderr)
	case p.stdout != "":
		return fmt.Errorf("it failed with stdout %q", p.stdout)
	case (p.code == 143) != strings.HasPrefix(last, "error: interrupted by SIGTERM: "):
		return fmt.Errorf("exit code %d with %q", p.code, last)
	case !strings.HasPrefix(last, "error: ") || !strings.HasSuffix(p.stderr, "\n"):
		return fmt.Errorf("the last line of stderr is not an error: %q", last)
	}
	for _, line := range lines {
		if strings.HasPrefix(line, "panic") || strings.HasPrefix(line, "goroutine") {
			return fmt.Errorf("it panicked:\n%s", p.stderr)
		}
	}
	return nil
}
