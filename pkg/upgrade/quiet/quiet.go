// Package quiet keeps builds away while a quiet upgrade replaces Concourse: it pauses the
// pipelines of all teams before the deploy, and unpauses them where none comes of it. What
// is paused when the director has accepted a deploy is for the verification.
package quiet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/upgrade/plan"
)

const (
	// defaultTimeout is how long running builds are waited for.
	defaultTimeout = 30 * time.Minute
	// giveBack is how long a run that is ended by a signal may take to let pipelines run
	// again. Concourse kills 10 s after its signal.
	giveBack = 6 * time.Second
)

// Quiet keeps builds away for one run.
type Quiet struct {
	Plan   *plan.Plan
	ATC    pause.ATC    // nil where the source has no concourse section
	Keeper pause.Keeper // where the list of paused pipelines outlives the run
	Denied string       // why this run may not upgrade quietly; "" where it may, if Concourse lets it
	Log    io.Writer
	Poll   time.Duration // between two looks
	Still  time.Duration // for how long no build may run before the upgrade begins; 0 is what pause has

	paused bool // pipelines may have been paused by this run
}

// Paused says whether pipelines may have been paused by this run.
func (q *Quiet) Paused() bool { return q.paused }

// Accepted says in the list of paused pipelines which deploy they are paused for.
func (q *Quiet) Accepted(ctx context.Context, task int) error { return q.pauser().Accepted(ctx, task) }

// pauser pauses the pipelines of all teams for this run.
func (q *Quiet) pauser() pause.Pause {
	return pause.Pause{
		ATC: q.ATC, Keeper: q.Keeper, Deployment: q.Plan.Request.Deployment,
		Own: q.own(),
		Log: q.Log, Poll: q.Poll, Still: q.Still, Timeout: cmp.Or(q.Plan.Request.QuietTimeout, defaultTimeout),
		GoOn: q.Plan.Request.GoOn,
	}
}

// own is the build that pauses, with the pipeline that verifies and stays unpaused: the
// build's own one, whichever one is set, and outside of a build the one that is set.
func (q *Quiet) own() pause.Own {
	own := pause.Own{
		Team: cmp.Or(q.Plan.Build.Team, q.Plan.Request.Team, plan.DefaultTeam), Job: q.Plan.Build.Job, Name: q.Plan.Build.Name, BuildID: q.Plan.Build.Number(),
	}
	switch {
	case q.Plan.Build.Pipeline != "":
		own.Pipeline = q.Plan.Build.Pipeline
		own.InstanceVars, _ = q.Plan.Build.Vars() // Concourse gives JSON
	case q.Plan.Pipeline.Ref.Name != "":
		own.Pipeline, own.InstanceVars = q.Plan.Pipeline.Ref.Name, q.Plan.Pipeline.Ref.InstanceVars
	case q.Plan.Request.Pipeline != nil && q.Plan.Request.Pipeline.Name != "":
		own.Pipeline, own.InstanceVars = q.Plan.Request.Pipeline.Name, q.Plan.Request.Pipeline.InstanceVars
	default:
		own.Pipeline = plan.BundledPipeline
	}
	return own
}

// MayPause makes sure, before anything is changed, that the run may pause what a quiet
// upgrade has to pause.
func (q *Quiet) MayPause(ctx context.Context) error {
	switch {
	case len(q.Plan.Deployed.Manifest) == 0:
		return nil // nothing runs that could be paused
	case q.Denied != "":
		return fmt.Errorf("upgrade quietly (%s): %s; no deploy was started", q.Plan.Way.Reason, q.Denied)
	case q.Plan.Way.Silent && q.Plan.Request.GoOn:
		q.Plan.Remark("the ATC does not answer, so that no pipeline is paused: builds that run there all the same are lost")
		return nil
	case q.Plan.Way.Silent:
		return fmt.Errorf("upgrade quietly (%s): the ATC does not answer, so that pipelines cannot be paused, and whether builds run is not known; nothing was changed: put where Concourse is reached, or, if it is down, with upgrade.on_quiet_timeout: go", q.Plan.Way.Reason)
	case q.ATC == nil || q.Keeper == nil:
		return fmt.Errorf("upgrade quietly (%s): pipelines of all teams must be paused: give source.concourse with a user who is an owner of team main, or choose another way in params.upgrade.way", q.Plan.Way.Reason)
	}
	if err := q.pauser().Allowed(ctx); err != nil {
		return fmt.Errorf("upgrade quietly (%s): %w", q.Plan.Way.Reason, err)
	}
	return nil
}

// Wanted says whether this run keeps builds away while Concourse is replaced.
func (q *Quiet) Wanted() bool {
	return q.Plan.Way.Quiet() && !q.Plan.Way.Silent && len(q.Plan.Deployed.Manifest) > 0
}

// Begin pauses all pipelines but our own and waits until no build but our own runs.
// newest is the director's last task before.
func (q *Quiet) Begin(ctx context.Context, newest int) error {
	p := q.pauser()
	p.After = newest
	q.paused = true // from now on, also where it fails midway
	if err := p.Begin(ctx, q.Plan.Way.From, q.Plan.Way.To); err != nil {
		return fmt.Errorf("pause the pipelines: %w", err)
	}
	return p.Wait(ctx)
}

// Holds fails where the pipelines that this run has paused were let run meanwhile, by
// people or by another run: a deploy would error their builds.
func (q *Quiet) Holds(ctx context.Context) error {
	if !q.paused {
		return nil
	}
	list, found, err := q.pauser().Look(ctx)
	if err == nil && (!found || list.Phase == pause.Resuming) {
		err = errors.New("the pipelines that were paused for this upgrade were unpaused meanwhile, by perpetual resume or by another run; nothing was deployed; put again")
	}
	return err
}

// Restore lets the pipelines run again that this run has paused, where it has not
// come to a deploy. One that the director may have accepted is for the verification,
// and what another run has gone on from is for that one. submitted says that there may be
// such a deploy; lost fails where the deployment may be another run's by now.
func (q *Quiet) Restore(ctx context.Context, submitted bool, lost func() error) {
	if !q.paused {
		return
	}
	if submitted {
		q.Plan.Say("pipelines stay paused until the deploy was verified; where no build can do that, run perpetual resume")
		return
	}
	ctx, cancel := retry.Grace(ctx, giveBack)
	defer cancel()
	p := q.pauser()
	list, found, err := p.Look(ctx)
	switch {
	case err == nil && !found:
		return
	case lost() != nil:
		q.Plan.Say("pipelines stay paused, as another run may continue: put again, or run perpetual resume")
		return
	case err == nil && list.Task != 0:
		q.Plan.Say("pipelines stay paused until director task %d, which another run has started, was verified", list.Task)
		return
	case err == nil && list.Build != p.Own.String():
		q.Plan.Say("pipelines stay paused, as %s continues; if it does not, run perpetual resume", list.Build)
		return
	}
	q.Plan.Say("no deploy was started: unpausing the pipelines")
	if _, err := p.End(ctx); err != nil {
		q.Plan.Say("pipelines stay paused: %v", err)
	}
}

// ResumeLeft lets pipelines run again that a run has paused which was killed before it
// started a deploy: there is nothing to deploy, so nobody else would.
func (q *Quiet) ResumeLeft(ctx context.Context) error {
	if q.ATC == nil || q.Keeper == nil {
		return nil
	}
	p := q.pauser()
	list, found, err := p.Look(ctx)
	if err != nil {
		q.Plan.Say("whether a quiet upgrade has left pipelines paused is not known: %v", err)
		return nil
	}
	if !found || list.Task != 0 {
		return nil // the build that verifies that task unpauses
	}
	if !q.paused {
		q.Plan.Say("a quiet upgrade that ended early, of %s, has left pipelines paused", list.Build)
	}
	if _, err := p.End(ctx); err != nil {
		return fmt.Errorf("unpause what it has left paused: %w", err)
	}
	q.paused = false
	return nil
}
