package installer

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/command/grammar"
	"github.com/perpetual-ci/perpetual/pkg/command/installer/report"
	"github.com/perpetual-ci/perpetual/pkg/command/installer/session"
	"github.com/perpetual-ci/perpetual/pkg/command/step"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/resumption"
	"github.com/perpetual-ci/perpetual/pkg/state/lease"
)

const resumeExamples = `

Examples:
  perpetual resume ci                  what the quiet upgrade of ci has paused
  perpetual resume ci --force          do not ask whether the upgrade is under way
  perpetual resume ci --output json    the result as one object
  perpetual resume < request.json      of a deployment, with the request of a check`

// runResume unpauses what a quiet upgrade has paused: of an installation where one
// is named, by argument, environment or file, and otherwise of the deployment in
// the request on stdin.
func runResume(ctx context.Context, c *command.Call) error {
	var g grammar.Resume
	_, set, help, err := grammar.Parse(c, "resume", aboutResume+resumeExamples, &g, true, false)
	if err != nil || help {
		return err
	}
	if w, err := grammar.ReadFile(g.Config); err == nil && w.File == "" && g.Name == "" && c.Env(grammar.Prefix+"NAME") == "" {
		return step.Resume(ctx, c)
	}
	s, err := session.Open(ctx, c, g.Common, set, true)
	if err != nil {
		return err
	}
	defer s.Close()
	resumed, err := resume(ctx, s, g.Force)
	s.Display.Close()
	if errors.Is(err, bootstrap.ErrNotFound) {
		return s.Missing(err)
	}
	if err != nil {
		return err
	}
	if s.JSON() {
		return s.PrintObject(report.NewResumed(s.Given.Config.Name, resumed))
	}
	return s.Print(strings.Join(resumed.Lines(s.Given.Config.Name), "\n") + "\n")
}

// resume asks as whom the installation is reached, and unpauses.
func resume(ctx context.Context, s *session.Session, force bool) (resumption.Resumed, error) {
	i := s.Installation(ctx)
	info, err := i.Info(ctx, false)
	if err != nil {
		return resumption.Resumed{}, err
	}
	for _, line := range info.State {
		s.Display.Warn(line)
	}
	if info.Access == (resource.Director{}) || info.Web.URL == "" {
		return resumption.Resumed{}, fmt.Errorf("resume %s: it has no Concourse yet, so that nothing is paused", s.Given.Config.Name)
	}
	resumed, err := unpause(ctx, i, info, force)
	var held *lease.HeldError
	switch {
	case errors.As(err, &held):
		err = fmt.Errorf("%w (with the installation's name: perpetual unlock %s --id %s); or give --force to unpause all the same", err, s.Given.Config.Name, held.ID)
	case err != nil:
		err = fmt.Errorf("resume %s: %w", s.Given.Config.Name, err)
	}
	return resumed, err
}

// unpause opens who is asked, and unpauses.
func unpause(ctx context.Context, i *bootstrap.Installation, info bootstrap.Info, force bool) (resumption.Resumed, error) {
	d, done, err := i.Director(info.Access)
	if err != nil {
		return resumption.Resumed{}, err
	}
	defer done()
	web, err := i.ATC(info.Web)
	if err != nil {
		return resumption.Resumed{}, err
	}
	return resumption.Resumption{
		Deployment: info.Deployment, Director: d, ATC: web, Keepers: []pause.Keeper{d.Keeper(info.Deployment)}, Force: force,
		Hold: func(ctx context.Context, do func(context.Context) error) error { return i.Alone(ctx, "resume", do) },
	}.Run(ctx)
}
