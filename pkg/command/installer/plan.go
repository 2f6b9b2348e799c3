package installer

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/command/grammar"
	"github.com/perpetual-ci/perpetual/pkg/command/installer/report"
	"github.com/perpetual-ci/perpetual/pkg/command/installer/session"
)

// ExitChanges is the exit code of a plan that has found something to do.
const ExitChanges = 2

// runPlan shows what deploy would change.
func runPlan(ctx context.Context, c *command.Call) error {
	var g grammar.Plan
	_, set, help, err := grammar.Parse(c, "plan", aboutPlan, &g, true, true)
	if err != nil || help {
		return err
	}
	with, err := options(g.Deploy)
	if err != nil {
		return err
	}
	s, err := session.OpenToLook(ctx, c, g.Common, set, false)
	if err != nil {
		return err
	}
	defer s.Close()
	defer s.WatchSignals(ctx)()
	found, err := s.Installation(ctx).Plan(ctx, with)
	if err != nil {
		return s.Locate(err)
	}
	s.Display.Close()
	plan := report.NewPlan(s.Given.Config.Name, found)
	switch {
	case s.JSON():
		err = s.PrintObject(plan)
	case s.Colors(s.Stdout):
		err = s.PrintWith(s.Masked(plan.Text()), report.Paint)
	default:
		err = s.Print(plan.Text())
	}
	if err != nil {
		return err
	}
	if plan.Changes {
		return &command.CodeError{Code: ExitChanges}
	}
	return nil
}
