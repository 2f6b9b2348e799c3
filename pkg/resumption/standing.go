package resumption

import (
	"context"
	"errors"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/pause"
)

// Standing is what a quiet upgrade has paused, and who works on it.
type Standing struct {
	pause.List
	DirectorTask bosh.Task // zero: none was accepted, or the director has forgotten it
	Building     bool      // the build that has paused still runs
}

// Look reads what a quiet upgrade of a deployment has paused, from where keeper has it. found
// says whether there is anything. A Concourse that does not answer, or is nil, is not an
// error: its build is taken for ended.
func Look(ctx context.Context, d Director, web ATC, keeper pause.Keeper, deployment string) (s Standing, found bool, err error) {
	s.List, found, err = pause.Pause{Keeper: keeper, Deployment: deployment}.Look(ctx)
	if err != nil || !found {
		return s, false, err
	}
	if s.Task != 0 {
		if s.DirectorTask, err = d.Task(ctx, s.Task); err != nil && !errors.Is(err, bosh.ErrNotFound) {
			return s, false, err
		}
	}
	if web != nil {
		s.Building, _ = building(ctx, web, s.List)
	}
	return s, true, nil
}

// building says whether the build that has paused still runs.
func building(ctx context.Context, web ATC, list pause.List) (bool, error) {
	if list.BuildID == 0 {
		return false, nil
	}
	build, err := web.Build(ctx, list.BuildID)
	if errors.Is(err, concourse.ErrNoBuild) {
		return false, nil
	}
	return build.Status == "started", err
}
