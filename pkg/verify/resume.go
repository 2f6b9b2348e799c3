package verify

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/task"
)

// giveBack is how long a verification whose time is over may take to let pipelines run
// again. Concourse kills 10 s after its signal.
const giveBack = 6 * time.Second

// resume lets the pipelines run again that a quiet upgrade has paused, once its deploy
// has ended. verdict is what the verification has found; where Concourse cannot run
// builds they stay paused, because unpausing would error them. It does so too when the
// time of the verification is over.
func (v Verification) resume(ctx context.Context, f *Facts, verdict error) (err error) {
	if v.Concourse == nil {
		return nil
	}
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), giveBack)
		defer cancel()
	}
	for _, keeper := range v.Keepers {
		err = also(err, v.resumeFrom(ctx, f, verdict, keeper))
	}
	return err
}

// resumeFrom is resume for the list that one keeper has.
func (v Verification) resumeFrom(ctx context.Context, f *Facts, verdict error, keeper pause.Keeper) error {
	p := pause.Pause{ATC: v.Concourse, Keeper: keeper, Deployment: f.Deployment, Log: v.Log}
	list, found, err := p.Look(ctx)
	if err != nil {
		return fmt.Errorf("look for pipelines that a quiet upgrade has paused: %w", err)
	}
	if !found || !Ends(list, f.Task) {
		return nil
	}
	newer, err := v.newer(ctx, f)
	switch {
	case err != nil:
		return fmt.Errorf("look for a newer deploy, before pipelines are unpaused: %w; run perpetual resume", err)
	case newer != nil:
		_, _ = fmt.Fprintf(v.Log, "%d pipelines stay paused until %s was verified\n", len(list.Pipelines), newer.Label())
		return nil
	case verdict != nil && !v.serves(ctx):
		_, _ = fmt.Fprintf(v.Log, "%d pipelines stay paused, because no worker takes steps: repair the deployment, then run `perpetual resume`\n", len(list.Pipelines))
		return nil
	}
	_, err = p.End(ctx)
	return err
}

// also is both errors in one line; nil is none.
func also(err, other error) error {
	if err == nil || other == nil {
		return cmp.Or(err, other)
	}
	return fmt.Errorf("%w; %w", err, other)
}

// Ends says whether a task that has ended is the one for which pipelines were paused, so
// that a verification of it lets them run again. A run that was killed after its deploy was accepted has not noted it: then it
// is any later one of this program, while a person's may have ended before the run has
// come to its own.
func Ends(list pause.List, t bosh.Task) bool {
	if list.Task != 0 {
		return t.ID >= list.Task
	}
	return t.ID > list.After && strings.HasPrefix(t.ContextID, task.Prefix)
}

// serves says whether any worker takes steps.
func (v Verification) serves(ctx context.Context) bool {
	info, err := v.ATC.Info(ctx)
	if err != nil {
		return false
	}
	workers, err := v.ATC.Workers(ctx)
	if err != nil {
		return false
	}
	for _, w := range workers {
		if w.State == "running" && compatible(w.Version, info.WorkerVersion) {
			return true
		}
	}
	return false
}
