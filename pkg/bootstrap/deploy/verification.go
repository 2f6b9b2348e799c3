package deploy

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/verify"
)

// Verification looks at the new Concourse as the verifying build does.
type Verification struct {
	Director Director
	ATC      ATC
	Config   *config.Config        // what is wanted, with the defaults
	Set      []component.Component // what was deployed

	Note    func(line string) // gets what is seen
	Debug   *slog.Logger      // nil: nothing is logged
	Timeout time.Duration
	Settle  time.Duration // how long web and workers may take; 0 is what verify has
	Poll    time.Duration // between two looks
}

// Run fails unless the deploy that a task has done is good. Of pipelines that were stranded
// before it says whether they run again.
func (v Verification) Run(ctx context.Context, task int, stranded bool) (released bool, err error) {
	name := manifest.DeploymentName(v.Config)
	_, err = verify.Verification{
		Director: v.Director, ATC: v.ATC, Concourse: v.ATC, Keepers: []pause.Keeper{v.Director.Keeper(name)},
		Set: v.Set, IgnoreSet: ignored(v.Config, v.Set), IgnoreKey: ignoreKey,
		Log: step.Lines(v.Note), Debug: v.Debug, Settle: v.Settle, Poll: v.Poll,
	}.Run(ctx, verify.Request{
		Deployment: name, Task: task, Judge: true, Timeout: v.Timeout, Over: errors.New("the time for the verification is over"),
	})
	if err != nil || !stranded {
		return false, err
	}
	_, still, err := Stranded{Director: v.Director, Deployment: name}.look(ctx)
	return err == nil && !still, err
}
