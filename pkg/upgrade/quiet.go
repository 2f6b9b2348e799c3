package upgrade

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/upgrade/plan"
)

const (
	// defaultQuietTimeout is how long running builds are waited for.
	defaultQuietTimeout = 30 * time.Minute
	// giveBack is how long a run that fails, or is ended by a signal, may take to let
	// pipelines run again. Concourse kills 10 s after its signal.
	giveBack = 6 * time.Second
)

// Concourse is what an upgrade asks of Concourse that concerns other teams and other
// builds than its own.
type Concourse interface {
	pause.ATC
	// Build fails for a build that does not exist.
	Build(ctx context.Context, id int) (concourse.Build, error)
	// TriggerJob starts a build of a job in the team of the source.
	TriggerJob(ctx context.Context, p concourse.Pipeline, job string) (concourse.Build, error)
}

// pauser pauses the pipelines of all teams for this run.
func (o Out) pauser(r *run) pause.Pause {
	return pause.Pause{
		ATC: o.Concourse, Keeper: o.Keeper, Deployment: r.Request.Deployment,
		Own: o.own(r),
		Log: o.Log, Poll: o.poll(), Still: o.Still, Timeout: cmp.Or(r.Request.QuietTimeout, defaultQuietTimeout),
		GoOn: r.Request.GoOn,
	}
}

// own is the build that pauses, with the pipeline that verifies and stays unpaused: the
// build's own one, whichever one is set, and outside of a build the one that is set.
func (o Out) own(r *run) pause.Own {
	own := pause.Own{
		Team: cmp.Or(o.Build.Team, r.Request.Team, plan.DefaultTeam), Job: o.Build.Job, Name: o.Build.Name, BuildID: o.Build.Number(),
	}
	switch {
	case o.Build.Pipeline != "":
		own.Pipeline = o.Build.Pipeline
		own.InstanceVars, _ = o.Build.Vars() // Concourse gives JSON
	case r.Pipeline.Ref.Name != "":
		own.Pipeline, own.InstanceVars = r.Pipeline.Ref.Name, r.Pipeline.Ref.InstanceVars
	case r.Request.Pipeline != nil && r.Request.Pipeline.Name != "":
		own.Pipeline, own.InstanceVars = r.Request.Pipeline.Name, r.Request.Pipeline.InstanceVars
	default:
		own.Pipeline = plan.BundledPipeline
	}
	return own
}

// mayPause makes sure, before anything is changed, that the run may pause what a quiet
// upgrade has to pause.
func (o Out) mayPause(ctx context.Context, r *run) error {
	switch {
	case len(r.Deployed.Manifest) == 0:
		return nil // nothing runs that could be paused
	case o.NoQuiet != "":
		return fmt.Errorf("upgrade quietly (%s): %s; no deploy was started", r.Way.Reason, o.NoQuiet)
	case r.Way.Silent && r.Request.GoOn:
		r.Remark("the ATC does not answer, so that no pipeline is paused: builds that run there all the same are lost")
		return nil
	case r.Way.Silent:
		return fmt.Errorf("upgrade quietly (%s): the ATC does not answer, so that pipelines cannot be paused, and whether builds run is not known; nothing was changed: put where Concourse is reached, or, if it is down, with upgrade.on_quiet_timeout: go", r.Way.Reason)
	case o.Concourse == nil || o.Keeper == nil:
		return fmt.Errorf("upgrade quietly (%s): pipelines of all teams must be paused: give source.concourse with a user who is an owner of team main, or choose another way in params.upgrade.way", r.Way.Reason)
	}
	if err := o.pauser(r).Allowed(ctx); err != nil {
		return fmt.Errorf("upgrade quietly (%s): %w", r.Way.Reason, err)
	}
	return nil
}

// quiet says whether this run keeps builds away while Concourse is replaced.
func (o Out) quiet(r *run) bool {
	return r.Way.Quiet() && !r.Way.Silent && len(r.Deployed.Manifest) > 0
}

// silence pauses all pipelines but our own and waits until no build but our own runs.
// newest is the director's last task before.
func (o Out) silence(ctx context.Context, r *run, newest int) error {
	p := o.pauser(r)
	p.After = newest
	r.paused = true // from now on, also where it fails midway
	if err := p.Begin(ctx, r.Way.From, r.Way.To); err != nil {
		return fmt.Errorf("pause the pipelines: %w", err)
	}
	return p.Wait(ctx)
}

// silent fails where the pipelines that this run has paused were let run meanwhile, by
// people or by another run: a deploy would error their builds.
func (o Out) silent(ctx context.Context, r *run) error {
	if !r.paused {
		return nil
	}
	list, found, err := o.pauser(r).Look(ctx)
	if err == nil && (!found || list.Phase == pause.Resuming) {
		err = errors.New("the pipelines that were paused for this upgrade were unpaused meanwhile, by perpetual resume or by another run; nothing was deployed; put again")
	}
	return err
}

// restore lets the pipelines run again that this run has paused, where it has not
// come to a deploy. One that the director may have accepted is for the verification,
// and what another run has gone on from is for that one.
func (o Out) restore(ctx context.Context, r *run) {
	if !r.paused {
		return
	}
	if r.result.Task != 0 || r.sent != "" {
		o.say("pipelines stay paused until the deploy was verified; where no build can do that, run perpetual resume")
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBack)
	defer cancel()
	p := o.pauser(r)
	list, found, err := p.Look(ctx)
	switch {
	case err == nil && !found:
		return
	case r.fenced() != nil:
		o.say("pipelines stay paused, as another run may continue: put again, or run perpetual resume")
		return
	case err == nil && list.Task != 0:
		o.say("pipelines stay paused until director task %d, which another run has started, was verified", list.Task)
		return
	case err == nil && list.Build != p.Own.String():
		o.say("pipelines stay paused, as %s continues; if it does not, run perpetual resume", list.Build)
		return
	}
	o.say("no deploy was started: unpausing the pipelines")
	if _, err := p.End(ctx); err != nil {
		o.say("pipelines stay paused: %v", err)
	}
}

// resumeLeft lets pipelines run again that a run has paused which was killed before it
// started a deploy: there is nothing to deploy, so nobody else would.
func (o Out) resumeLeft(ctx context.Context, r *run) error {
	if o.Concourse == nil || o.Keeper == nil {
		return nil
	}
	p := o.pauser(r)
	list, found, err := p.Look(ctx)
	if err != nil {
		o.say("whether a quiet upgrade has left pipelines paused is not known: %v", err)
		return nil
	}
	if !found || list.Task != 0 {
		return nil // the build that verifies that task unpauses
	}
	if !r.paused {
		o.say("a quiet upgrade that ended early, of %s, has left pipelines paused", list.Build)
	}
	if _, err := p.End(ctx); err != nil {
		return fmt.Errorf("unpause what it has left paused: %w", err)
	}
	r.paused = false
	return nil
}
