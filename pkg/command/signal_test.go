package command_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// patience is how soon after SIGTERM a process must be gone: Concourse kills it
// after 10 s.
const patience = 8 * time.Second

// startTime is more than the program takes to start on a machine that does nothing else.
const startTime = 50 * time.Millisecond

// lateness gives a channel that is closed when a process that is told to end now takes too
// long: patience, and on a busy machine as much longer as the program takes to start there.
func lateness() (late <-chan struct{}, stop func()) {
	closed, ended := make(chan struct{}), make(chan struct{})
	after := func(d time.Duration) bool {
		select {
		case <-ended:
			return false
		case <-time.After(d):
			return true
		}
	}
	go func() {
		if !after(patience) {
			return
		}
		began := time.Now()
		_ = exec.Command(resourceBinary, "check").Run() // without a request it ends at once
		if after(patience * max(0, time.Since(began)/startTime-1)) {
			close(closed)
		}
	}()
	return closed, sync.OnceFunc(func() { close(ended) })
}

// output may be read while a process writes it.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String is what was written so far.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// terminated runs a program, sends SIGTERM once ready says so, and wants it to
// end soon.
func terminated(t *testing.T, i invocation, ready func(stderr string) bool) process {
	t.Helper()
	return signalled(t, syscall.SIGTERM, i, ready)
}

// signalled is terminated with another signal.
func signalled(t *testing.T, signal syscall.Signal, i invocation, ready func(stderr string) bool) process {
	t.Helper()
	cmd, stdout, _ := i.command(t)
	stderr := &output{}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for !ready(stderr.String()) {
		select {
		case err := <-ended:
			t.Fatalf("it ended before the signal: %v\n%s%s", err, stdout, stderr)
		case <-time.After(5 * time.Millisecond):
		}
	}
	if err := cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	late, stop := lateness()
	defer stop()
	select {
	case err := <-ended:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
	case <-late:
		_ = cmd.Process.Kill()
		t.Fatalf("it did not end within %s of %v:\n%s", patience, signal, stderr)
	}
	return process{stdout: stdout.String(), stderr: stderr.String(), code: cmd.ProcessState.ExitCode()}
}

func says(text string) func(string) bool {
	return func(stderr string) bool { return strings.Contains(stderr, text) }
}

// draining starts a deploy that waits for a build on the worker; end ends the build.
func draining(t *testing.T) (s *stage, task int, end func()) {
	t.Helper()
	s = installed(t)
	if err := s.Concourse.Unpause(world.Team, pipelineName); err != nil {
		t.Fatal(err)
	}
	build, err := s.Concourse.StartBuild(world.Team, pipelineName, "upgrade", "", false)
	if err != nil {
		t.Fatal(err)
	}
	r := answer[result](t, ask(t, "out", s.out(nil), s.dir))
	if err := s.WaitDraining(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	task, err = strconv.Atoi(r.Version["task"])
	if err != nil {
		t.Fatal(err)
	}
	return s, task, func() { _ = build.Finish("succeeded") }
}

// endsWell wants the director's task untouched by what happened to its watcher.
func (s *stage) endsWell(t *testing.T, task int, end func()) {
	t.Helper()
	for _, found := range s.Director.Tasks() {
		if found.ID == task && found.State != director.StateProcessing {
			t.Errorf("task %d is %s, want it to be still processing", task, found.State)
		}
	}
	end()
	done, err := s.Director.Wait(t.Context(), task)
	if err != nil || done.State != director.StateDone {
		t.Errorf("task %d ended as %s, %v", task, done.State, err)
	}
}

func TestTerm_endsAVerificationAndLeavesTheDeployAlone(t *testing.T) {
	t.Parallel()
	s, task, end := draining(t)
	request := object{"source": s.DeploymentSource(), "version": object{"task": itoa(task)}, "params": object{"verify": true}}
	dir := filepath.Join(t.TempDir(), "in")
	p := terminated(t, invocation{args: []string{"in", dir}, stdin: stdin(t, request)}, says("waiting for its end"))
	interrupted(t, p, "director task "+itoa(task)+" keeps running")
	hides(t, p, credentials()...)
	empty(t, dir)
	s.endsWell(t, task, end)
}

func TestTerm_endsAPutThatWaitsForItsDeploy(t *testing.T) {
	t.Parallel()
	s, task, end := draining(t)
	request := s.out(object{"detach": false}) // the same content: it is joined
	p := terminated(t, invocation{args: []string{"out", s.dir}, stdin: stdin(t, request)}, says("deploys the same content already"))
	interrupted(t, p, "director task "+itoa(task)+" keeps running")
	hides(t, p, credentials()...)
	s.endsWell(t, task, end)
}

func TestTerm_endsAPutThatWaitsForAnothersDeploy(t *testing.T) {
	t.Parallel()
	s, task, end := draining(t)
	before := len(s.deploys())
	request := s.out(object{"vars": object{"drain_timeout": "62m"}})
	p := terminated(t, invocation{args: []string{"out", s.dir}, stdin: stdin(t, request)}, says("waiting up to 20s for director task "+itoa(task)))
	interrupted(t, p, "director task "+itoa(task), "keeps running")
	if n := len(s.deploys()); n != before {
		t.Errorf("%d deploys were accepted", n-before)
	}
	s.endsWell(t, task, end)
}

func TestTerm_endsAPutThatWaitsForALock(t *testing.T) {
	t.Parallel()
	s := installed(t, 0.02) // for a lock that lasts some seconds
	release := s.Director.HoldLock("concourse")
	before := len(s.deploys())
	p := terminated(t, invocation{args: []string{"out", s.dir}, stdin: stdin(t, s.out(nil))}, says("waiting up to 20s for director task"))
	interrupted(t, p, "lock of the deployment", "keeps running")
	if n := len(s.deploys()); n != before {
		t.Errorf("%d deploys were accepted", n-before)
	}
	release()
}

func TestTerm_endsAPutWhoseReleaseIsUploaded(t *testing.T) {
	t.Parallel()
	s := installed(t)
	s.Publish(newSet)
	s.fetch(t, nil)
	s.Faults["boshio"].Add(fault.Fault{Path: "/bosh-hub-release-tarballs/*concourse*", Times: -1, Kind: fault.Hang})
	p := terminated(t, invocation{args: []string{"out", s.dir}, stdin: stdin(t, s.out(nil))}, says("uploading bosh-aws-xen-hvm-ubuntu-jammy-go_agent/1.1364 from")) // the last one
	interrupted(t, p, "upload concourse/8.2.5", "director task 3 keeps running")
	if n := len(s.deploys()); n != 1 {
		t.Errorf("%d deploys were accepted, want the first alone", n)
	}
}

func TestTerm_endsADownloadThatHangs(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.Faults["boshio"].Add(fault.Fault{Path: "/bosh-hub-release-tarballs/*concourse*", Times: -1, Kind: fault.Hang})
	request := object{"source": s.ComponentsSource(), "version": s.version(), "params": object{"download": []string{"concourse"}}}
	dir := filepath.Join(t.TempDir(), "in")
	p := terminated(t, invocation{args: []string{"in", dir}, stdin: stdin(t, request)}, func(string) bool {
		return strings.Contains(strings.Join(s.asked("boshio"), " "), "/bosh-hub-release-tarballs/github.com-concourse")
	})
	interrupted(t, p, "fetch concourse")
	hides(t, p, credentials()...)
	empty(t, dir)
}

func TestTerm_endsACheckThatHangs(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.Faults["github"].Add(fault.Fault{Times: -1, Kind: fault.Hang})
	p := terminated(t, invocation{args: []string{"check"}, stdin: stdin(t, object{"source": s.ComponentsSource()})}, func(string) bool {
		return s.requests("github") > 0
	})
	interrupted(t, p, "component ")
	hides(t, p, credentials()...)
}

// A parent that never closes stdin keeps nobody from ending.
func TestTerm_endsAProcessThatReadsStdin(t *testing.T) {
	t.Parallel()
	interrupted(t, readingStdin(t, syscall.SIGTERM), "stdin")
}

// Ctrl-C in a terminal has an exit code of its own.
func TestInterrupt_hasItsOwnExitCode(t *testing.T) {
	t.Parallel()
	wrong(t, readingStdin(t, syscall.SIGINT), 130, "interrupted by SIGINT", "stdin")
}

// readingStdin is a check that a signal has found while it read its request.
func readingStdin(t *testing.T, signal syscall.Signal) process {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = reader.Close(), writer.Close() })
	var taken atomic.Bool
	go func() {
		// More than a pipe holds: it is written once the process reads.
		_, err := writer.WriteString(`{"source": {` + strings.Repeat(" ", 200<<10))
		taken.Store(err == nil)
	}()
	return signalled(t, signal, invocation{args: []string{"check"}, stdin: reader}, func(string) bool { return taken.Load() })
}
