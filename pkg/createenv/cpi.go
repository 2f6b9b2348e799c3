package createenv

import (
	"context"
	"encoding/json"
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
	"github.com/perpetual-ci/perpetual/pkg/createenv/workspace"
)

// cpi runs the CPI for bosh-cli. A call is in the journal before the CPI gets
// it, and its answer before bosh-cli does. The CPI writes its answer to a
// file, not to a pipe of ours: when this process dies, the CPI goes on, and the
// next run reads what it answered.
type cpi struct {
	ctx       context.Context
	documents *documents
	dir       string // of the answers' files
	now       func() time.Time
	grace     time.Duration // how long a call is waited for once ctx is done
	left      string        // the method of the call that was left to itself

	mu      sync.Mutex
	journal journal
}

// maxAnswer bounds what is read of a CPI's answer: it holds a log.
const maxAnswer = 64 << 20

// run is one call, as bosh-utils' CmdRunner answers: the CPI's output and exit code.
func (c *cpi) run(command boshsys.Command) (stdout, stderr string, status int, err error) {
	if err := stopped(c.ctx); err != nil {
		return "", "", -1, err
	}
	if err := c.documents.failure(); err != nil {
		return "", "", -1, err
	}
	body, err := io.ReadAll(command.Stdin)
	if err != nil {
		return "", "", -1, fmt.Errorf("read the request to the CPI: %w", err)
	}
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		return "", "", -1, fmt.Errorf("decode the request to the CPI: %w", err)
	}
	entry := newCall(m, c.now())
	if m.Method == "create_stemcell" {
		entry.Stemcell = readStemcell(m, os.ReadFile)
	}
	entry.Number = len(c.journal.Calls) + 1
	entry.Call = fmt.Sprintf("%d-%d", entry.At.UnixNano(), entry.Number)
	written := !reads[m.Method]
	if written {
		if err := c.write(entry); err != nil {
			return "", "", -1, err
		}
	}
	if err := stopped(c.ctx); err != nil { // while that was written
		return "", "", -1, err
	}
	crash.Here("createenv-before-cpi " + m.Method)
	stdout, stderr, status, err = c.call(command, body, filepath.Join(c.dir, entry.Call))
	crash.Here("createenv-after-cpi " + m.Method)
	if errors.Is(err, errLeft) {
		c.left = m.Method
		return "", "", -1, err
	}
	if written {
		entry.settle([]byte(stdout))
		if err := c.write(entry); err != nil {
			return "", "", -1, err
		}
	}
	workspace.RemoveCall(filepath.Join(c.dir, entry.Call))
	return stdout, stderr, status, err
}

// write puts an entry into the journal and the journal into its document.
func (c *cpi) write(entry call) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if entry.Number > len(c.journal.Calls) {
		c.journal.Calls = append(c.journal.Calls, entry)
	} else {
		c.journal.Calls[entry.Number-1] = entry
	}
	if entry.Outcome == lost && creates(entry.Method) {
		c.journal.Lost = append(c.journal.Lost, entry)
	}
	body, err := json.MarshalIndent(c.journal, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", JournalDocument, err)
	}
	return c.documents.put(JournalDocument, body)
}

// errLeft says that a call goes on without us. Its entry in the journal stays as it is
// before an answer, and the next run waits for that.
var errLeft = errors.New("leave the CPI to itself")

// wait waits for the CPI's end, and after the end of the context only so long. It
// fails with errLeft, or as the CPI did.
func (c *cpi) wait(process *exec.Cmd) error {
	ended := make(chan error, 1)
	go func() { ended <- process.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-c.ctx.Done():
	}
	timer := time.NewTimer(c.grace)
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
func (c *cpi) call(command boshsys.Command, body []byte, name string) (stdout, stderr string, status int, err error) {
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
