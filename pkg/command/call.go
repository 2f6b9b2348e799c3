package command

import (
	"fmt"
	"io"
	"log/slog"

	"golang.org/x/term"

	"github.com/perpetual-ci/perpetual/pkg/connect"
	"github.com/perpetual-ci/perpetual/pkg/plain"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// Call is a running command, as its verb sees it. What is written to Err is masked; what is
// written there and to Out is spelt out where it could do something to a terminal, as
// package plain has it.
type Call struct {
	Streams
	Args []string // without the verb
	// Terminal and Stdout are the process's own stderr and stdout, for what is to arrive as
	// it is, and for who draws on a terminal. What others wrote goes there as Clean or
	// package plain gives it.
	Terminal, Stdout io.Writer

	linked bool           // called by the verb's name, as Concourse does
	log    *secret.Writer // is Err
	debug  *slog.Logger   // to log, if level says so
	level  *slog.LevelVar
	chosen string // the level that flag or environment ask for; "": neither does

	notice  func(line string) // gets notices instead of log
	failure func(line string) // gets why the run failed instead of log
}

// newCall is a command of a process with these streams, whose result goes to out.
func newCall(s Streams, out io.Writer) *Call {
	c := &Call{Streams: s, Terminal: s.Err, Stdout: s.Out, log: secret.NewWriter(plain.NewLineWriter(s.Err)), level: &slog.LevelVar{}}
	c.Out, c.Err = out, c.log
	c.debug = newLogger(c.log, c.level)
	return c
}

// CodeError ends the process with a code that is an answer and no failure, such as
// that of a plan with changes. Nothing is printed.
type CodeError struct{ Code int }

// Error implements error.
func (e *CodeError) Error() string { return fmt.Sprintf("exit code %d", e.Code) }

// Mask hides values in what goes to Err from now on.
func (c *Call) Mask(values ...secret.Value) { c.log.Add(values...) }

// Masked is a text that is whole as it would come out of Err, but for what Clean does.
func (c *Call) Masked(text string) string { return c.log.Mask(text) }

// Clean is foreign text of any number of lines, masked and spelt out.
func (c *Call) Clean(text string) string { return plain.Text(c.Masked(text)) }

// Exact is stdout for files and values that programs read: they get them as they are,
// people at a terminal as Clean has them.
func (c *Call) Exact() io.Writer {
	if f, ok := c.Stdout.(interface{ Fd() uintptr }); ok && term.IsTerminal(int(f.Fd())) {
		return c.Out
	}
	return c.Stdout
}

// Notify is where adapters say what is not an error; where that goes is SendNotices's.
func (c *Call) Notify(line string) {
	if c.notice != nil {
		c.notice(line)
		return
	}
	_, _ = fmt.Fprintln(c.Err, line)
}

// SendNotices has notices, and the one line of error with which the run may end,
// go to functions instead of to Err.
func (c *Call) SendNotices(notice, failure func(line string)) {
	c.notice, c.failure = notice, failure
}

// Debug says whether stderr shows every exchange.
func (c *Call) Debug() bool { return c.level.Level() <= slog.LevelDebug }

// Logger gets what only debug shows.
func (c *Call) Logger() *slog.Logger { return c.debug }

// Connector opens what the run speaks with.
func (c *Call) Connector() connect.Connector {
	return connect.Connector{Notify: c.Notify, Log: c.Err, Debug: c.debug, Env: c.Env}
}

// Fd is the descriptor of what is read, and none where it is not a file.
func (r *contextReader) Fd() uintptr {
	if f, ok := r.from.(interface{ Fd() uintptr }); ok {
		return f.Fd()
	}
	return ^uintptr(0)
}
