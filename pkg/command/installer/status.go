package installer

import (
	"context"
	"errors"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/command/grammar"
	"github.com/perpetual-ci/perpetual/pkg/command/installer/report"
	"github.com/perpetual-ci/perpetual/pkg/command/installer/session"
	"github.com/perpetual-ci/perpetual/pkg/status"
)

// runStatus looks at an installation.
func runStatus(ctx context.Context, c *command.Call) error {
	var g grammar.Status
	_, set, help, err := grammar.Parse(c, "status", aboutStatus, &g, true, false)
	if err != nil || help {
		return err
	}
	g.Quiet = true // the result says all
	s, err := session.OpenToLook(ctx, c, g.Common, set, true)
	if err != nil {
		return err
	}
	defer s.Close()
	i := s.Installation(ctx)
	info, err := i.Info(ctx, false)
	if errors.Is(err, bootstrap.ErrNotFound) {
		return s.Missing(err)
	}
	if err != nil {
		return err
	}
	found, err := status.Look(ctx, i, info, time.Now)
	if err != nil {
		return err
	}
	s.Display.Close()
	if s.JSON() {
		return s.PrintObject(found)
	}
	return s.Print(report.Status(found))
}
