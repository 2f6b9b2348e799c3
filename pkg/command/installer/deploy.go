package installer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/command/grammar"
	"github.com/perpetual-ci/perpetual/pkg/command/installer/report"
	"github.com/perpetual-ci/perpetual/pkg/command/installer/session"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/state/lease"
)

// options are bootstrap's for deploy and plan.
func options(g grammar.Deploy) (bootstrap.Options, error) {
	o := bootstrap.Options{Self: g.Self, Upgrade: g.Upgrade, Recreate: g.Recreate, AllowDowngrade: g.AllowDowngrade, AcceptStored: g.AcceptStored, AllowUnsigned: g.AllowUnsigned}
	if g.Attempts != nil {
		if o.Attempts = *g.Attempts; o.Attempts < 1 {
			return o, fmt.Errorf("--attempts: want a number above 0, got %d", o.Attempts)
		}
	}
	if g.Self && g.AllowUnsigned {
		return o, errors.New("--allow-unsigned does not go with --self: it is for a run by hand; set versions.perpetual_unsigned if the pipeline is to take unsigned releases, too")
	}
	if g.Components == "" {
		return o, nil
	}
	if g.Upgrade {
		return o, errors.New("--upgrade and --components: want one of them, the newest versions or those of a get")
	}
	var err error
	o.Components, err = component.ReadSet(g.Components)
	return o, err
}

// runDeploy installs, or converges what is there.
func runDeploy(ctx context.Context, c *command.Call) error {
	var g grammar.Deploy
	_, set, help, err := grammar.Parse(c, "deploy", aboutDeploy, &g, true, true)
	if err != nil || help {
		return err
	}
	with, err := options(g)
	if err != nil {
		return err
	}
	s, err := session.Open(ctx, c, g.Common, set, false)
	if err != nil {
		return err
	}
	defer s.Close()
	defer s.WatchSignals(ctx)()
	result, err := s.Installation(ctx).Deploy(ctx, with)
	if err != nil {
		return explain(s, s.Locate(err), "deploy")
	}
	s.Display.Close()
	deployed := report.NewDeployed(s.Given.Config.Name, result)
	if s.JSON() {
		return s.PrintObject(deployed)
	}
	return s.Print(deployed.Text(s.Flags.Quiet))
}

// explain puts behind an error that a step has ended with what is still true, and
// what to do.
func explain(s *session.Session, err error, verb string) error {
	var held *lease.HeldError
	if errors.As(err, &held) {
		return fmt.Errorf("%w (with the installation's name: perpetual unlock %s --id %s)", err, s.Given.Config.Name, held.ID)
	}
	var at *step.Error
	if !errors.As(err, &at) || slices.Contains([]string{"account", "state", "configuration"}, at.Step) {
		return err // nothing was begun
	}
	return fmt.Errorf("%w; what the steps before it have done stays: run %s again to go on from there", err, verb)
}
