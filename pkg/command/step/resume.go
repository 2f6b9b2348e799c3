package step

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/connect"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/state"
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
	r := Resumption{
		Deployment: req.Source.Deployment, Director: req.Source.Director, Concourse: req.Source.Concourse, Store: store, Force: *force,
		Hold: func(ctx context.Context, do func(context.Context) error) error {
			return holdLease(ctx, c, store, req.Source.Deployment, do)
		},
	}
	report, err := r.Run(ctx, c.Connector())
	if err == nil || report.did() {
		for _, line := range report.Lines(r.Deployment) {
			c.Notify(line)
		}
	}
	if err != nil {
		return fmt.Errorf("resume deployment %s: %w", r.Deployment, err)
	}
	return nil
}

// Resumption says what is to be unpaused, and where that is written down.
type Resumption struct {
	Deployment string // "concourse"
	Director   resource.Director
	Concourse  resource.Concourse
	Store      state.Store // looked into before the director's configs; nil: it is not
	Force      bool        // do not ask whether an upgrade is under way
	// Hold does something while no other run can begin; it fails when one is under
	// way. nil: nothing keeps others out.
	Hold func(ctx context.Context, do func(context.Context) error) error
}

// Resumed is what a resume has done.
type Resumed struct {
	pause.Report
	Found bool // something was paused
}

// did says whether anything was unpaused, also where something else failed.
func (r Resumed) did() bool { return len(r.Unpaused)+len(r.Left) > 0 }

// Lines tell it to people.
func (r Resumed) Lines(name string) []string {
	if !r.Found {
		return []string{fmt.Sprintf("nothing is paused by a quiet upgrade of %s", name)}
	}
	l := r.List
	lines := []string{fmt.Sprintf("%s has paused pipelines since %s UTC, for %s → %s", l.Build, l.Since.UTC().Format(time.DateTime), l.From, l.To)}
	for _, p := range r.Unpaused {
		lines = append(lines, "unpaused "+p)
	}
	for _, p := range r.Left {
		lines = append(lines, "left paused "+p.String())
	}
	if !r.did() {
		lines = append(lines, "nothing was left to unpause")
	}
	return lines
}

// Run unpauses what a quiet upgrade has paused, unless an upgrade is under way.
func (r Resumption) Run(ctx context.Context, c connect.Connector) (Resumed, error) {
	d, err := c.Director(r.Director)
	if err != nil {
		return Resumed{}, err
	}
	defer d.Close()
	web, err := c.ATC(r.Concourse)
	if err != nil {
		return Resumed{}, err
	}
	keeper, found, err := pause.Find(ctx, d.Keepers(r.Store, r.Deployment)...)
	if err != nil || !found {
		return Resumed{}, err
	}
	resumed := Resumed{Found: true}
	end := func(ctx context.Context) error {
		p := pause.Pause{ATC: web, Keeper: keeper, Deployment: r.Deployment}
		if !r.Force {
			if err := idle(ctx, d.Client, web, p); err != nil {
				return err
			}
		}
		resumed.Report, err = p.End(ctx)
		return err
	}
	if r.Force || r.Hold == nil {
		err = end(ctx)
	} else {
		err = r.Hold(ctx, end)
	}
	return resumed, err
}
