package step

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/connect"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/resumption"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/state"
	"github.com/perpetual-ci/perpetual/pkg/state/lease"
	"github.com/perpetual-ci/perpetual/pkg/upgrade"
)

const resumeHelp = `perpetual resume unpauses what a quiet upgrade has paused.

Usage:
  perpetual resume [--force] < request.json

The request is what check gets: {"source": {…}}, with the deployment and its
director and concourse sections. The list of what was paused is in the state
store, if the source has a state section, or else in the director's configs.
What people have paused stays paused. It refuses while the upgrade is under way:
the build that has paused runs, a run holds the lease, or the director deploys.

Flags:
  --force    Do not ask whether an upgrade is under way. Builds that start
             while web and workers are replaced may be lost.

Examples:
  perpetual resume < request.json
  echo '{"source": {"deployment": "concourse", "director": {…}, "concourse": {…}}}' | perpetual resume
`

// Resume is the verb that unpauses what the quiet upgrade of a deployment has paused, that of
// the request.
func Resume(ctx context.Context, c *command.Call) error {
	flags := flag.NewFlagSet("resume", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	force := flags.Bool("force", false, "")
	switch err := flags.Parse(c.Args); {
	case errors.Is(err, flag.ErrHelp):
		_, err = fmt.Fprint(c.Out, resumeHelp)
		return err
	case err != nil:
		return fmt.Errorf("resume: %w", err)
	case flags.NArg() > 0:
		return fmt.Errorf("resume: unexpected argument %q; try resume --help", flags.Arg(0))
	}
	req, err := resource.DecodeCheck(c.Request())
	c.Mask(req.Source.Secrets()...)
	if err != nil {
		return err
	}
	c.SetLevel(req.Source.LogLevel)
	switch {
	case req.Source.IsComponents():
		return errors.New("resume: the source has watch (components); want the source of a deployment")
	case req.Source.Concourse == (resource.Concourse{}):
		return errors.New("resume: the source has no concourse section, so that no pipeline can be unpaused")
	}
	store, err := c.Connector().State(req.Source.State)
	if err != nil {
		return err
	}
	report, err := resume(ctx, c, req.Source, store, *force)
	if err == nil || report.Did() {
		for _, line := range report.Lines(req.Source.Deployment) {
			c.Notify(line)
		}
	}
	if err != nil {
		return fmt.Errorf("resume deployment %s: %w", req.Source.Deployment, err)
	}
	return nil
}

// resume opens what is asked, and unpauses.
func resume(ctx context.Context, c *command.Call, of resource.Source, store state.Store, force bool) (resumption.Resumed, error) {
	d, err := c.Connector().Director(of.Director)
	if err != nil {
		return resumption.Resumed{}, err
	}
	defer func() { _ = d.Close() }()
	web, err := c.Connector().ATC(of.Concourse)
	if err != nil {
		return resumption.Resumed{}, err
	}
	return resumption.Resumption{
		Deployment: of.Deployment, Director: d, ATC: web, Keepers: d.Keepers(store, of.Deployment), Force: force,
		Hold: func(ctx context.Context, do func(context.Context) error) error {
			return holdLease(ctx, c, store, of.Deployment, do)
		},
	}.Run(ctx)
}

// holdLease does something while it holds the lease of a deployment, if there is
// a store that has one.
func holdLease(ctx context.Context, c *command.Call, store state.Store, deployment string, do func(context.Context) error) error {
	if store == nil {
		return do(ctx)
	}
	host, _ := os.Hostname()
	taken, err := lease.Acquire(ctx, store, upgrade.LeaseName(deployment), lease.Holder{Purpose: "resume " + deployment, Host: host, PID: os.Getpid()},
		lease.Options{TTL: connect.LeaseTTL(), Debug: c.Logger()})
	var held *lease.HeldError
	switch {
	case errors.As(err, &held):
		return fmt.Errorf("another run is under way; nothing was unpaused: %w; or give --force to unpause all the same", err)
	case err != nil:
		return err
	}
	ctx, cancel := taken.Context(ctx)
	defer cancel()
	err = do(ctx)
	end, stop := retry.Grace(ctx, 3*time.Second)
	defer stop()
	return cmp.Or(err, taken.Release(end))
}
