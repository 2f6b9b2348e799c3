package upgrade

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/resource"
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
		ATC: o.Concourse, Keeper: o.Keeper, Deployment: r.Deployment,
		Own: o.own(r),
		Log: o.Log, Poll: o.poll(), Still: o.Still, Timeout: cmp.Or(r.QuietTimeout, defaultQuietTimeout),
		GoOn: r.GoOn,
	}
}

// own is the build that pauses, with the pipeline that verifies and stays unpaused: the
// build's own one, whichever one is set, and outside of a build the one that is set.
func (o Out) own(r *run) pause.Own {
	own := pause.Own{
		Team: cmp.Or(o.Build.Team, r.Team, defaultTeam), Job: o.Build.Job, Name: o.Build.Name, BuildID: o.Build.number(),
	}
	switch {
	case o.Build.Pipeline != "":
		own.Pipeline = o.Build.Pipeline
		own.InstanceVars, _ = o.Build.vars() // Concourse gives JSON
	case r.pipeline.ref.Name != "":
		own.Pipeline, own.InstanceVars = r.pipeline.ref.Name, r.pipeline.ref.InstanceVars
	case r.Pipeline != nil && r.Pipeline.Name != "":
		own.Pipeline, own.InstanceVars = r.Pipeline.Name, r.Pipeline.InstanceVars
	default:
		own.Pipeline = bundledName
	}
	return own
}

// quietly makes sure, before anything is changed, that the run may pause what a quiet
// upgrade has to pause.
func (o Out) quietly(ctx context.Context, r *run) error {
	if !r.way.quiet() {
		return nil
	}
	switch {
	case len(r.deployed.Manifest) == 0:
		return nil // nothing runs that could be paused
	case o.NoQuiet != "":
		return fmt.Errorf("upgrade quietly (%s): %s; no deploy was started", r.way.Reason, o.NoQuiet)
	case r.way.silent && r.GoOn:
		r.remark("the ATC does not answer, so that no pipeline is paused: builds that run there all the same are lost")
		return nil
	case r.way.silent:
		return fmt.Errorf("upgrade quietly (%s): the ATC does not answer, so that pipelines cannot be paused, and whether builds run is not known; nothing was changed: put where Concourse is reached, or, if it is down, with upgrade.on_quiet_timeout: go", r.way.Reason)
	case o.Concourse == nil || o.Keeper == nil:
		return fmt.Errorf("upgrade quietly (%s): pipelines of all teams must be paused: give source.concourse with a user who is an owner of team main, or choose another way in params.upgrade.way", r.way.Reason)
	}
	if err := o.pauser(r).Allowed(ctx); err != nil {
		return fmt.Errorf("upgrade quietly (%s): %w", r.way.Reason, err)
	}
	return nil
}

// quiet says whether this run keeps builds away while Concourse is replaced.
func (o Out) quiet(r *run) bool {
	return r.way.quiet() && !r.way.silent && len(r.deployed.Manifest) > 0
}

// silence pauses all pipelines but our own and waits until no build but our own runs.
// newest is the director's last task before.
func (o Out) silence(ctx context.Context, r *run, newest int) error {
	p := o.pauser(r)
	p.After = newest
	r.paused = true // from now on, also where it fails midway
	if err := p.Begin(ctx, r.way.from, r.way.to); err != nil {
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

// resume lets the pipelines run again that a quiet upgrade has paused, once its deploy
// has ended. verdict is what the verification has found; where Concourse cannot run
// builds they stay paused, because unpausing would error them. It does so too when the
// time of the verification is over.
func (in In) resume(ctx context.Context, req resource.InRequest, f *facts, verdict error) (err error) {
	if in.Concourse == nil {
		return nil
	}
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), giveBack)
		defer cancel()
	}
	for _, keeper := range in.Keepers {
		err = also(err, in.resumeFrom(ctx, req, f, verdict, keeper))
	}
	return err
}

// resumeFrom is resume for the list that one keeper has.
func (in In) resumeFrom(ctx context.Context, req resource.InRequest, f *facts, verdict error, keeper pause.Keeper) error {
	p := pause.Pause{ATC: in.Concourse, Keeper: keeper, Deployment: req.Source.Deployment, Log: in.Log}
	list, found, err := p.Look(ctx)
	if err != nil {
		return fmt.Errorf("look for pipelines that a quiet upgrade has paused: %w", err)
	}
	if !found || !f.ends(list) {
		return nil
	}
	newer, err := in.newer(ctx, req.Source, f.Task)
	switch {
	case err != nil:
		return fmt.Errorf("look for a newer deploy, before pipelines are unpaused: %w; run perpetual resume", err)
	case newer != nil:
		_, _ = fmt.Fprintf(in.Log, "%d pipelines stay paused until %s was verified\n", len(list.Pipelines), newer.Label())
		return nil
	case verdict != nil && !in.serves(ctx):
		_, _ = fmt.Fprintf(in.Log, "%d pipelines stay paused, because no worker takes steps: repair the deployment, then run `perpetual resume`\n", len(list.Pipelines))
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

// ends says whether the task that was looked at is the one for which pipelines were
// paused. A run that was killed after its deploy was accepted has not noted it: then it
// is any later one of this program, while a person's may have ended before the run has
// come to its own.
func (f *facts) ends(list pause.List) bool {
	if list.Task != 0 {
		return f.Task.ID >= list.Task
	}
	return f.Task.ID > list.After && strings.HasPrefix(f.Task.ContextID, contextPrefix)
}

// serves says whether any worker takes steps.
func (in In) serves(ctx context.Context) bool {
	info, err := in.ATC.Info(ctx)
	if err != nil {
		return false
	}
	workers, err := in.ATC.Workers(ctx)
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
