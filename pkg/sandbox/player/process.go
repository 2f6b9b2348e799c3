package player

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// Process is one run of the resource's program.
type Process struct {
	Verb   string // "check", "in", "out"
	Stdin  any    // encoded as JSON
	Dir    string // argument of in and out
	Env    []string
	Stderr io.Writer
}

// killAfter is how long Concourse waits after SIGTERM.
const killAfter = 10 * time.Second

// Run runs the program in a process of its own and decodes its stdout, which
// must be exactly one JSON value, into result. A failed program's last line of
// stderr becomes the error.
func Run(ctx context.Context, program string, p Process, result any) error {
	stdin, err := json.Marshal(p.Stdin)
	if err != nil {
		return fmt.Errorf("encode stdin of %s: %w", p.Verb, err)
	}
	args := []string{p.Verb}
	if p.Dir != "" {
		args = append(args, p.Dir)
	}
	var stdout, stderr bytes.Buffer
	command := exec.CommandContext(ctx, program, args...)
	command.Stdin = bytes.NewReader(stdin)
	command.Stdout = &stdout
	command.Stderr = io.MultiWriter(p.Stderr, &stderr)
	command.Env = p.Env
	command.Cancel = func() error { return command.Process.Signal(terminate) }
	command.WaitDelay = killAfter
	if err := command.Run(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			return fmt.Errorf("run %s: %w", p.Verb, err)
		}
		if stdout.Len() > 0 {
			return fmt.Errorf("%s failed with %d bytes on stdout", p.Verb, stdout.Len())
		}
		return &ExitError{Verb: p.Verb, Code: exit.ExitCode(), Message: lastLine(stderr.String())}
	}
	decoder := json.NewDecoder(&stdout)
	if err := decoder.Decode(result); err != nil {
		return fmt.Errorf("decode stdout of %s: %w", p.Verb, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("decode stdout of %s: there is more than one value", p.Verb)
	}
	return nil
}

// ExitError is a program that said that it failed.
type ExitError struct {
	Verb    string
	Code    int
	Message string // the last line of stderr
}

// Error implements error.
func (e *ExitError) Error() string {
	return fmt.Sprintf("%s exited with %d: %s", e.Verb, e.Code, e.Message)
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
