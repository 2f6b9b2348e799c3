package upgrade

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/inventory"
	"github.com/perpetual-ci/perpetual/pkg/task"
)

// defaultAttempts is how often the same content may fail.
const defaultAttempts = 3

// deploy compares with what is deployed and submits the manifest, unless the
// same content is being deployed or is deployed.
func (o Out) deploy(ctx context.Context, r *run) (string, error) {
	v, diff, err := o.compare(ctx, r)
	if err != nil {
		return "", err
	}
	if v.Running != nil {
		report := o.join(r, v.Running)
		o.keepSet(ctx, r) // who started it may have been killed before
		return report, nil
	}
	if report, over := r.settled(v, diff); over {
		if v.Last != nil && r.operation(o.Build).Related(v.Last.ContextID) {
			o.keepSet(ctx, r) // as who joins does
		}
		return report, o.resumeLeft(ctx, r)
	}
	if err := o.mayTry(ctx, r, v); err != nil {
		return "", err
	}
	if o.quiet(r) && !r.paused {
		if err := o.silence(ctx, r, v.Newest); err != nil {
			return "", err
		}
		if err := r.Observe(ctx); err != nil { // the wait may have been long: look again
			return "", err
		}
		return o.deploy(ctx, r)
	}
	if err := o.silent(ctx, r); err != nil {
		return "", err
	}
	if v.Last != nil && !v.Good && !diff.Changed() {
		o.say("director task %d, the last deploy, ended as %s: deploying again", v.Last.ID, v.Last.State)
	}
	r.result.Diff = diff.Lines
	o.show(diffLines(diff.Lines))
	id, err := o.submit(ctx, r, diff, v)
	if errors.Is(err, errUnseen) {
		return o.again(ctx, r, err)
	}
	if err != nil {
		return "", err
	}
	r.became(id, Started)
	o.accepted(ctx, r, v.Next, id)
	o.keepSet(ctx, r)
	return fmt.Sprintf("the director has accepted it as task %d", id), nil
}

// compare waits until nothing else works on the deployment and gives what the
// director says of the difference then. Where there is none, it looks again: who
// made it so may have been at it since the first look, and who has begun
// something else is waited for, as at the first look.
func (o Out) compare(ctx context.Context, r *run) (v task.Verdict, diff bosh.Diff, err error) {
	deadline := time.Now().Add(r.lockTimeout())
	r.configs = ""                                     // they may have been set since
	if err := r.Stock.ResolveLatest(ctx); err != nil { // as may something newer have been uploaded
		return v, diff, err
	}
	for again := false; ; again = true {
		if v, err = o.settle(ctx, r, deadline, again); err != nil || v.Running != nil {
			return v, diff, err
		}
		if diff, err = o.diff(ctx, r); err != nil {
			return v, diff, fmt.Errorf("compare manifest: %w", err)
		}
		op := r.operation(o.Build) // now that the configs are known
		v = task.Judge(op, v.Tasks)
		o.tellJudgement(ctx, op, v.Tasks, v)
		if diff.Changed() {
			// The arrangement follows what was deployed when the run read it.
			now, err := o.Director.Manifest(ctx, r.Request.Deployment)
			if err != nil && !errors.Is(err, bosh.ErrNotFound) {
				return v, diff, fmt.Errorf("read deployment %s: %w", r.Request.Deployment, err)
			}
			if bytes.Equal(now, r.Deployed.Manifest) {
				return v, diff, nil
			}
			continue
		}
		holder := ""
		if v, holder, err = o.look(ctx, r); err != nil || v.Running != nil || holder == "" {
			return v, diff, err
		}
	}
}

// diff is the director's comparison, which also tells the configs that a deploy would
// have. A manifest that differs from the deployed one in its arrangement alone is the
// deployed one.
func (o Out) diff(ctx context.Context, r *run) (bosh.Diff, error) {
	if r.Way.Plain != nil && !bytes.Equal(r.Way.Plain, r.Manifest) && !r.hasNewRelease() {
		diff, err := o.Director.Diff(ctx, r.Request.Deployment, r.Way.Plain)
		if err != nil || !diff.Changed() {
			r.configs = task.ConfigsOf(diff.Context)
			return diff, err
		}
	}
	diff, err := o.Director.Diff(ctx, r.Request.Deployment, r.Manifest)
	if err == nil {
		r.configs = task.ConfigsOf(diff.Context)
	}
	return diff, err
}

// hasNewRelease says whether the manifest takes a release that the deployment does not
// use: then it differs from the deployed one in more than its arrangement.
func (r *run) hasNewRelease() bool {
	return slices.ContainsFunc(r.Stock.Wanted, func(w inventory.Wanted) bool {
		return !w.Stemcell && w.Version != "" && !w.In(r.Deployed.Releases)
	})
}

// mayTry refuses what has failed before: for builds that nobody has triggered at once,
// because a new scope of a resource's versions starts one by itself, for others after
// some attempts.
func (o Out) mayTry(ctx context.Context, r *run, v task.Verdict) error {
	if v.Attempts > 0 && !o.byPerson(ctx) {
		return fmt.Errorf("refuse to deploy the same content again by itself: it has failed with director task %s; repair the cause and trigger the job by hand, or wait for something newer", task.Numbers(v.Failed))
	}
	if limit := cmp.Or(r.Request.Attempts, defaultAttempts); v.Attempts >= limit {
		return fmt.Errorf("refuse to deploy the same content again: it has failed %d times since a deploy was last done, with director task %s%s; repair the cause: another manifest, cloud or runtime config is tried at once; if the cause was elsewhere, try again with %s%d",
			v.Attempts, task.Numbers(v.Failed), why(v), cmp.Or(o.MoreAttempts, "params.attempts: "), v.Attempts+1)
	}
	return nil
}

// why is what the director says of the last failure.
func why(v task.Verdict) string {
	i := slices.IndexFunc(v.Tasks, func(t bosh.Task) bool { return t.ID == v.Failed[len(v.Failed)-1] })
	text := strings.Join(strings.Fields(v.Tasks[i].Result), " ")
	if text == "" {
		return ""
	}
	return ", the last one because: " + text
}

// byPerson says whether somebody has asked for this run: by hand, or by triggering the
// build. Where Concourse does not tell, somebody has.
func (o Out) byPerson(ctx context.Context) bool {
	id := o.Build.Number()
	if id == 0 || o.Concourse == nil {
		return true
	}
	build, err := o.Concourse.Build(ctx, id)
	if err != nil {
		o.say("who has triggered this build is not known: %v", err)
		return true
	}
	return build.CreatedBy != ""
}

// join makes a task that runs the answer.
func (o Out) join(r *run, t *bosh.Task) string {
	r.became(t.ID, Joined)
	if _, build, _ := r.operation(o.Build).Attempt(t.ContextID); build != o.Build.ID { // this build's own has them
		r.result.Dropped = r.paceParams()
	}
	if len(r.result.Dropped) > 0 {
		o.say("params.%s of this put do not count: director task %d runs already", strings.Join(r.result.Dropped, ", "), t.ID)
	}
	if t.State == bosh.StateQueued {
		o.say("director task %d is queued: if the director has free workers and none takes it, %s, and put again", t.ID, t.Unqueue())
	}
	return fmt.Sprintf("director task %d deploys the same content already", t.ID)
}

// paceParams names the params that say how a deploy goes about it, and not what it comes to.
func (r *run) paceParams() (names []string) {
	for _, p := range []struct {
		name  string
		given bool
	}{
		{"skip_drain", len(r.Request.SkipDrain) > 0},
		{"canaries", r.Request.Canaries != ""},
		{"max_in_flight", r.Request.MaxInFlight != ""},
	} {
		if p.given {
			names = append(names, p.name)
		}
	}
	return names
}

// settled says whether there is nothing to submit, because what is wanted is
// deployed, or because this build has submitted it before it was run again.
func (r *run) settled(v task.Verdict, diff bosh.Diff) (report string, over bool) {
	forced := r.Request.Recreate || r.Request.Fix
	mine := v.Own != nil && v.Own.ID == v.Last.ID
	switch {
	case !diff.Changed() && v.Good && forced && mine, mine && !v.Good && !r.Request.Wait:
		r.became(v.Own.ID, StartedBefore)
		return fmt.Sprintf("this build has started it before, as director task %d, which ended as %s", v.Own.ID, v.Own.State), true
	case !diff.Changed() && !forced && (v.Good || v.Last == nil):
		r.became(0, NothingToDeploy)
		if v.Last != nil {
			r.result.Task = v.Last.ID
		}
		return "nothing has changed, so nothing is started", true
	}
	return "", false
}

// options go with the deploy of one attempt.
func (r *run) options(diff bosh.Diff, contextID string) bosh.DeployOptions {
	o := bosh.DeployOptions{
		ContextID: contextID, DiffContext: diff.Context,
		Recreate: r.Request.Recreate, Fix: r.Request.Fix, SkipDrain: r.Request.SkipDrain,
		Canaries: r.Request.Canaries, MaxInFlight: r.Request.MaxInFlight,
	}
	if r.Way.Quiet() { // they would override what the manifest says of its groups
		o.Canaries, o.MaxInFlight = "", ""
	}
	return o
}
