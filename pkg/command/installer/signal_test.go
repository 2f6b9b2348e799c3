package installer_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
)

// watched passes text on, and says when something was in it.
type watched struct {
	mu   sync.Mutex
	text bytes.Buffer
	for_ string
	seen chan struct{}
	once sync.Once
}

// Write implements io.Writer.
func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	if strings.Contains(w.text.String(), w.for_) {
		w.once.Do(func() { close(w.seen) })
	}
	return len(p), nil
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// interrupt starts a command, sends it a signal when stderr shows something, and
// waits for its end.
func (p *place) interrupt(t *testing.T, s syscall.Signal, at string, args ...string) process {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), tooLong)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	var stdout bytes.Buffer
	stderr := &watched{for_: at, seen: make(chan struct{})}
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, &stdout, stderr
	cmd.Env = append(environ(p.dir), p.env()...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var err error
	select {
	case <-stderr.seen:
		if err := cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		err = <-ended
	case err = <-ended:
		t.Fatalf("it ended before %q was seen: %v\n%s", at, err, stderr)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return process{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

func TestSignal_endsAtASafePointAndTheNextRunGoesOn(t *testing.T) {
	t.Parallel()
	p := newPlace(t, site.Options{}, nil)
	for _, c := range []struct {
		signal syscall.Signal
		at     string
		code   int
	}{
		{syscall.SIGTERM, "infrastructure  started", 143},
		{syscall.SIGINT, "director        started", 130},
		{syscall.SIGINT, "deploy          started", 130},
	} {
		q := p.interrupt(t, c.signal, c.at, "deploy")
		if q.code != c.code || q.stdout != "" {
			t.Errorf("at %q: code %d, want %d, stdout %q\n%s", c.at, q.code, c.code, q.stdout, q.stderr)
		}
		lines := strings.Split(strings.TrimSpace(q.stderr), "\n")
		if last := lines[len(lines)-1]; !strings.HasPrefix(last, "error: interrupted by ") || !strings.Contains(q.stderr, "ending at the next safe point") {
			t.Errorf("at %q it says:\n%s", c.at, q.stderr)
		}
	}
	p.good(t, "deploy")
	if there := p.everything(); there.VMs != 1 || there.Disks != 1 || there.Stemcells != 1 || there.Stack != "perpetual-ci UPDATE_COMPLETE" {
		t.Errorf("in the end there is %+v", there)
	}
}
