package command

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/artifact"
	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/plain"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/upgrade"
	"github.com/perpetual-ci/perpetual/pkg/verify"
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

// Scale is a wait as it is in this build: builds for tests wait less.
func (c *Call) Scale(d time.Duration) time.Duration { return crash.Scale(d) }

// Director is what the installer asks of a director.
type Director interface {
	upgrade.Director
	verify.Director
	// DeleteDeployment starts the task that deletes a deployment with its VMs and
	// disks; it fails with bosh.ErrNotFound.
	DeleteDeployment(ctx context.Context, name, contextID string) (task int, err error)
	// Version is that of the director itself, "283.1.6".
	Version(ctx context.Context) (string, error)
	// DiskUsage is how full, in percent, the fullest persistent disk of a group is.
	DiskUsage(ctx context.Context, deployment, group string) (percent int, known bool, err error)
	// CleanUp starts the task that deletes what no deployment uses, orphaned disks too.
	CleanUp(ctx context.Context) (task int, err error)
	// CloudConfigs are those that are current, by whatever name.
	CloudConfigs(ctx context.Context) ([][]byte, error)
	// CPI is what the director calls its CPI, "vsphere_cpi".
	CPI(ctx context.Context) (string, error)
	// Keeper keeps the list of paused pipelines of a deployment on the director.
	Keeper(deployment string) pause.Keeper
}

// Director opens a client of a director; the function closes it.
func (c *Call) Director(s resource.Director) (Director, func(), error) {
	d, err := c.inner.director(s)
	if err != nil {
		return nil, nil, err
	}
	return d, d.close, nil
}

// ATC opens a client of a Concourse; it fails when the section is empty.
func (c *Call) ATC(s resource.Concourse) (*concourse.Client, error) {
	return c.inner.concourseClient(s)
}

// Components finds the newest set, or exactly the given one.
func (c *Call) Components(ctx context.Context, s resource.Source, v resource.Version) ([]component.Component, error) {
	set, err := c.inner.set(s)
	if err != nil {
		return nil, err
	}
	return set.Find(ctx, s, v)
}

// DeleteDeployment starts the task that deletes a deployment.
func (d director) DeleteDeployment(ctx context.Context, name, contextID string) (int, error) {
	return d.Client.DeleteDeployment(ctx, name, bosh.DeleteOptions{ContextID: contextID})
}

// Keeper keeps the list of paused pipelines of a deployment.
func (d director) Keeper(deployment string) pause.Keeper {
	return pause.InDirector(d.Client, deployment)
}

// Fd is the descriptor of what is read, and none where it is not a file.
func (r *contextReader) Fd() uintptr {
	if f, ok := r.from.(interface{ Fd() uintptr }); ok {
		return f.Fd()
	}
	return ^uintptr(0)
}

// Fetch downloads a component's file to path, verified by its digest.
func (c *Call) Fetch(ctx context.Context, from resource.Source, found component.Component, path string) error {
	set, err := c.inner.set(from)
	if err != nil {
		return err
	}
	if f, ok := set.Fetcher.(fetcher); ok {
		f.config.Log = nil // the caller tells what goes on
		set.Fetcher = f
	}
	return set.Fetcher.Fetch(ctx, artifact.File{
		Name: found.Name, URL: found.URL, Path: path, SHA1: found.SHA1, SHA256: found.SHA256, Size: found.Size, Network: found.Network,
	})
}
