package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// launcher starts processes that die with this program, however it ends. The
// kernel ties that wish to the thread that started them, so one goroutine that
// never leaves its thread starts them all.
type launcher struct{ jobs chan func() }

func newLauncher() *launcher {
	l := &launcher{jobs: make(chan func())}
	go func() {
		runtime.LockOSThread()
		for job := range l.jobs {
			job()
		}
	}()
	return l
}

// spec is a process to start.
type spec struct {
	name       string // for messages: "web"
	path       string
	args       []string
	env        []string // nil: PATH alone
	dir        string
	log        string // file that gets its output, appended to
	namespaces bool   // mount and process namespaces of its own; the process is then its init
	credential *syscall.Credential
	dies       syscall.Signal // what it gets when this program dies; default KILL
}

// process is one that was started.
type process struct {
	name string
	cmd  *exec.Cmd
	pid  int // that gets signals
	log  string
	done chan struct{} // closed when it has ended
	err  error         // after that
}

// start starts a process. What it prints goes to its log file.
func (l *launcher) start(s spec) (*process, error) {
	out, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open log of %s: %w", s.name, err)
	}
	defer func() { _ = out.Close() }()
	p := &process{name: s.name, cmd: exec.Command(s.path, s.args...), log: s.log, done: make(chan struct{})}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = s.dir, out, out
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, s.env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: s.credential}
	if s.dies != 0 {
		p.cmd.SysProcAttr.Pdeathsig = s.dies
	}
	if s.namespaces {
		p.cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID
	}
	started := make(chan error)
	l.jobs <- func() { started <- p.cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", s.name, err)
	}
	p.pid = p.cmd.Process.Pid
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// signal sends a signal to the process, by its id, while it runs.
func (p *process) signal(s syscall.Signal) {
	select {
	case <-p.done:
	default:
		_ = syscall.Kill(p.pid, s) // it may end just now
	}
}

// inner makes signals go to the process's one child: nsenter forks into a
// process namespace and hands no signals on.
func (p *process) inner(ctx context.Context) error {
	return eventually(ctx, patience, p.name+" to be in its namespaces", func(context.Context) error {
		if p.ended() {
			return finalError{fmt.Errorf("%s ended: %v; see %s", p.name, p.err, p.log)}
		}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", p.cmd.Process.Pid, p.cmd.Process.Pid))
		if err != nil {
			return err
		}
		if _, err := fmt.Sscan(string(text), &p.pid); err != nil {
			return errNotYet
		}
		return nil
	})
}

// wait waits for the end of the process; false if it does not come in time.
func (p *process) wait(ctx context.Context, patience time.Duration) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.done:
		return true
	case <-ctx.Done():
	case <-timer.C:
	}
	return false
}

// ended says whether the process has ended.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// stop ends the process with the first of the signals that it obeys in time,
// and at last with KILL.
func (p *process) stop(ctx context.Context, patience time.Duration, signals ...syscall.Signal) {
	for _, s := range signals {
		p.signal(s)
		if p.wait(ctx, patience) {
			return
		}
	}
	p.signal(syscall.SIGKILL)
	<-p.done
}

// run runs a program to its end and gives what it printed on stdout. The end of
// what it printed on stderr is in the error.
func run(ctx context.Context, dir string, env []string, path string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // scripts clear away what they made
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.Output()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return string(out), fmt.Errorf("run %s: %w: %s%s", path, err, tail(string(out), 800), tail(string(exit.Stderr), 1500))
	case err != nil:
		return string(out), fmt.Errorf("run %s: %w", path, err)
	}
	return string(out), nil
}

// tail is the end of a text.
func tail(text string, n int) string { return text[max(0, len(text)-n):] }

// eventually asks until it is so; the last answer is in the error.
func eventually(ctx context.Context, patience time.Duration, what string, so func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := so(ctx)
		var final finalError
		if err == nil || errors.As(err, &final) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w; last seen: %w", what, ctx.Err(), err)
		case <-ticker.C:
		}
	}
}

// errNotYet is the answer of a question that has none yet.
var errNotYet = errors.New("not yet")

// finalError is an answer that waiting does not change.
type finalError struct{ error }
