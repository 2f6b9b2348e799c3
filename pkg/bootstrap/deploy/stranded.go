package deploy

import (
	"context"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/verify"
)

// Stranded finds the pipelines that a quiet upgrade has paused and not let run again.
type Stranded struct {
	Director interface {
		Keeper(deployment string) pause.Keeper
		Task(ctx context.Context, id int) (bosh.Task, error)
	}
	Deployment string // "concourse"
}

// look gives the list of paused pipelines, if there is one.
func (s Stranded) look(ctx context.Context) (list pause.List, found bool, err error) {
	list, found, err = pause.Pause{Keeper: s.Director.Keeper(s.Deployment), Deployment: s.Deployment}.Look(ctx)
	if err != nil {
		return list, false, fmt.Errorf("look for pipelines that a quiet upgrade has paused: %w", err)
	}
	return list, found, nil
}

// unknown is said where the list of paused pipelines cannot be read.
const unknown = "whether a quiet upgrade has left pipelines paused is not known"

// Compare says which pipelines a verification of a task would let run again: it changes
// nothing else. With deploys the task is of a deploy that is still to come.
func (s Stranded) Compare(ctx context.Context, task int, deploys bool) (step.Comparison, error) {
	c := step.Same("web and workers would be looked at")
	list, found, err := s.look(ctx)
	if err != nil {
		c.Lines = []string{"! " + unknown + ": " + err.Error()}
		return c, nil
	}
	if !found {
		return c, nil
	}
	// Of a run that has paused and not come to a deploy, the deploy itself lets them run,
	// or its verification. The verification of a new deploy ends every list.
	if list.Task != 0 && !deploys {
		if task == 0 {
			return c, nil
		}
		last, err := s.Director.Task(ctx, task)
		if err != nil {
			return step.Comparison{}, fmt.Errorf("read the last deploy: %w", err)
		}
		if !verify.Ends(list, last) {
			return c, nil
		}
	}
	var lines []string
	for _, e := range list.Pipelines {
		lines = append(lines, "~ pipeline "+e.String()+" runs again, which a quiet upgrade has left paused")
	}
	return step.Differs("would let pipelines run again", lines...), nil
}

// stranded says whether an earlier run has left pipelines paused, for what the verification
// says of them. That it cannot be read is no reason not to deploy: only a quiet upgrade
// needs the list, and looks for itself.
func (d Deploy) stranded(ctx context.Context) bool {
	_, found, err := Stranded{Director: d.Director, Deployment: manifest.DeploymentName(d.Input.Config)}.look(ctx)
	if err != nil {
		d.Note(fmt.Sprintf("%s: %v", unknown, err))
	}
	return found
}
