// Package cpi runs the programs of a run of create-env: the CPI, whose calls go through the
// journal and go on when this process ends, and ruby, tar and bash.
package cpi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	boshsys "github.com/cloudfoundry/bosh-utils/system"

	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/createenv/cause"
	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
	"github.com/perpetual-ci/perpetual/pkg/createenv/workspace"
)

// Client calls the CPI for bosh-cli. A call is in the journal before the CPI gets
// it, and its answer before bosh-cli does. The CPI writes its answer to a
// file, not to a pipe of ours: when this process dies, the CPI goes on, and the
// next run reads what it answered.
type Client struct {
	ctx    context.Context
	writer *ledger.Writer
	o      Options
	left   string
	info   string // what the CPI has answered to "info"

	mu      sync.Mutex
	journal ledger.Journal
}

// Options configure a Client.
type Options struct {
	Dir string           // of the answers' files
	Now func() time.Time // the clock
	// Grace is how long a call is waited for once the context is done.
	Grace time.Duration
}

// NewClient makes the client of a run, which writes its calls into a journal that holds
// none yet.
func NewClient(ctx context.Context, w *ledger.Writer, j ledger.Journal, o Options) *Client {
	return &Client{ctx: ctx, writer: w, journal: j, o: o}
}

// Left is the method of the call that was left to itself, "create_vm"; "" if none was.
func (c *Client) Left() string { return c.left }

// Journal is what the run has asked of the CPI so far. It is for the end of the run.
func (c *Client) Journal() ledger.Journal {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.journal
}

// maxAnswer bounds what is read of a CPI's answer: it holds a log.
const maxAnswer = 64 << 20

// run is one call, as bosh-utils' CmdRunner answers: the CPI's output and exit code.
func (c *Client) run(command boshsys.Command) (stdout, stderr string, status int, err error) {
	if err := cause.Stopped(c.ctx); err != nil {
		return "", "", -1, err
	}
	if err := c.writer.Failure(); err != nil {
		return "", "", -1, err
	}
	body, err := io.ReadAll(command.Stdin)
	if err != nil {
		return "", "", -1, fmt.Errorf("read the request to the CPI: %w", err)
	}
	entry, err := ledger.NewCall(body, c.o.Now(), os.ReadFile)
	if err != nil {
		return "", "", -1, err
	}
	// bosh-cli asks for it before every call. It is of the CPI, which stays the same in a
	// run, and a real one, in Ruby, is slow to start.
	if entry.Method == "info" && c.info != "" {
		return c.info, "", 0, nil
	}
	entry.Number = len(c.journal.Calls) + 1
	entry.Call = fmt.Sprintf("%d-%d", entry.At.UnixNano(), entry.Number)
	written := !entry.Reads()
	if written {
		if err := c.write(entry); err != nil {
			return "", "", -1, err
		}
	}
	if err := cause.Stopped(c.ctx); err != nil { // while that was written
		return "", "", -1, err
	}
	crash.Here("createenv-before-cpi " + entry.Method)
	stdout, stderr, status, err = c.call(command, body, filepath.Join(c.o.Dir, entry.Call))
	crash.Here("createenv-after-cpi " + entry.Method)
	if errors.Is(err, errLeft) {
		c.left = entry.Method
		return "", "", -1, err
	}
	entry.Settle([]byte(stdout))
	if entry.Method == "info" && err == nil && entry.Outcome == ledger.Answered {
		c.info = stdout
	}
	if written {
		if err := c.write(entry); err != nil {
			return "", "", -1, err
		}
	}
	workspace.RemoveCall(filepath.Join(c.o.Dir, entry.Call))
	return stdout, stderr, status, err
}

// write puts an entry into the journal and the journal into its document.
func (c *Client) write(entry ledger.Call) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.journal.Write(entry)
	return c.writer.PutJournal(c.journal)
}

// errLeft says that a call goes on without us. Its entry in the journal stays as it is
// before an answer, and the next run waits for that.
var errLeft = errors.New("leave the CPI to itself")

// wait waits for the CPI's end, and after the end of the context only so long. It
// fails with errLeft, or as the CPI did.
func (c *Client) wait(process *exec.Cmd) error {
	ended := make(chan error, 1)
	go func() { ended <- process.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-c.ctx.Done():
	}
	timer := time.NewTimer(c.o.Grace)
	defer timer.Stop()
	select {
	case err := <-ended:
		return err
	case <-timer.C:
		return errLeft
	}
}

// call runs the CPI with its output in files. The answer's file is locked for as
// long as anybody can still write to it: the lock belongs to the open file, which
// the CPI inherits.
func (c *Client) call(command boshsys.Command, body []byte, name string) (stdout, stderr string, status int, err error) {
	out, err := workspace.OpenAnswer(name + workspace.AnswerSuffix)
	if err != nil {
		return "", "", -1, err
	}
	defer func() { _ = out.Close() }()
	log, err := os.OpenFile(name+workspace.LogSuffix, os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return "", "", -1, fmt.Errorf("open the CPI's log: %w", err)
	}
	defer func() { _ = log.Close() }()

	process := exec.Command(command.Name, command.Args...) //nolint:gosec // the CPI that create-env has compiled
	process.Env = environment(command)
	process.Stdout, process.Stderr = out, log
	// Of its own group: Ctrl-C at a terminal is for us, the CPI must finish.
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := process.StdinPipe()
	if err != nil {
		return "", "", -1, fmt.Errorf("open the CPI's input: %w", err)
	}
	if err := process.Start(); err != nil {
		return "", "", -1, fmt.Errorf("start the CPI: %w", err)
	}
	// Until it has read a whole request it does nothing: this file says that it may have.
	if err := workspace.MarkSent(name + workspace.SentSuffix); err != nil {
		_ = stdin.Close()
		_ = process.Wait()
		return "", "", -1, err
	}
	_, writeErr := stdin.Write(body)
	_ = stdin.Close()
	crash.Here("createenv-during-cpi")
	waitErr := c.wait(process)
	if errors.Is(waitErr, errLeft) {
		return "", "", -1, waitErr
	}
	stdout, stderr = readFrom(out), readFrom(log)
	status = process.ProcessState.ExitCode()
	if waitErr != nil {
		return stdout, stderr, status, fmt.Errorf("run the CPI: %w", waitErr)
	}
	if writeErr != nil && !errors.Is(writeErr, syscall.EPIPE) {
		return stdout, stderr, status, fmt.Errorf("send the request to the CPI: %w", writeErr)
	}
	return stdout, stderr, status, nil
}

// environment is a command's environment, as bosh-utils makes it.
func environment(command boshsys.Command) []string {
	var out []string
	if !command.UseIsolatedEnv {
		out = os.Environ()
	}
	for k, v := range command.Env {
		out = append(out, k+"="+v)
	}
	return out
}

// readFrom reads a file that another process has written to.
func readFrom(f *os.File) string {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return ""
	}
	body, _ := io.ReadAll(io.LimitReader(f, maxAnswer))
	return string(body)
}
