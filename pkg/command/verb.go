package command

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/perpetual-ci/perpetual/pkg/connect"
	"github.com/perpetual-ci/perpetual/pkg/plain"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// Call is a running command as a verb of another package sees it. What is written to
// Err is masked; what is written there and to Out is spelt out where it could do
// something to a terminal.
type Call struct {
	Streams
	Args []string // without the verb
	// Terminal and Stdout are the process's own stderr and stdout, for who draws on a
	// terminal. What others wrote goes there as Clean or package plain gives it.
	Terminal, Stdout io.Writer
	inner            *call
}

// NewVerb makes a verb of a function.
func NewVerb(name, args, short string, run func(context.Context, *Call) error) Verb {
	return Verb{name, args, short, func(ctx context.Context, c *call) error {
		outer := &Call{Streams: c.Streams, Args: c.args, Terminal: c.Err, Stdout: c.stdout, inner: c}
		outer.Err = c.log
		return run(ctx, outer)
	}}
}

// CodeError ends the process with a code that is an answer and no failure, such as
// that of a plan with changes. Nothing is printed.
type CodeError struct{ Code int }

// Error implements error.
func (e *CodeError) Error() string { return fmt.Sprintf("exit code %d", e.Code) }

// Run runs another verb in place of this one.
func (c *Call) Run(ctx context.Context, v Verb) error { return v.run(ctx, c.inner) }

// Mask hides values in what goes to Err from now on.
func (c *Call) Mask(values ...secret.Value) { c.inner.log.Add(values...) }

// Masked is a text that is whole as it would come out of Err, but for what Clean does.
func (c *Call) Masked(text string) string { return c.inner.log.Mask(text) }

// Clean is foreign text of any number of lines, masked and spelt out.
func (c *Call) Clean(text string) string { return plain.Text(c.Masked(text)) }

// Exact is stdout for files and values that programs read: they get them as they are,
// people at a terminal as Clean has them.
func (c *Call) Exact() io.Writer { return c.inner.exact() }

// Notify is where adapters say what is not an error; where that goes is SendNotices's.
func (c *Call) Notify(line string) { c.inner.notify(line) }

// SendNotices has notices, and the one line of error with which the run may end,
// go to functions instead of to Err.
func (c *Call) SendNotices(notice, failure func(line string)) {
	c.inner.notice, c.inner.failure = notice, failure
}

// Debug says whether stderr shows every exchange.
func (c *Call) Debug() bool { return c.inner.level.Level() <= slog.LevelDebug }

// Logger gets what only debug shows.
func (c *Call) Logger() *slog.Logger { return c.inner.debug }

// Connector opens what the run speaks with.
func (c *Call) Connector() connect.Connector { return c.inner.connector() }

// Fd is the descriptor of what is read, and none where it is not a file.
func (r *contextReader) Fd() uintptr {
	if f, ok := r.from.(interface{ Fd() uintptr }); ok {
		return f.Fd()
	}
	return ^uintptr(0)
}
