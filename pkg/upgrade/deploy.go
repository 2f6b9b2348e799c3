package upgrade

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/task"
)

// defaultAttempts is how often the same content may fail.
const defaultAttempts = 3

// deploy compares with what is deployed and submits the manifest, unless the
// same content is being deployed or is deployed.
func (o Out) deploy(ctx context.Context, r *run) (string, error) {
	v, diff, err := r.compared.Compare(ctx)
	if err != nil {
		return "", err
	}
	if v.Running != nil {
		report := o.join(r, v.Running)
		o.keepSet(ctx, r) // who started it may have been killed before
		return report, nil
	}
	if report, over := r.settled(v, diff); over {
		if v.Last != nil && r.compared.Operation().Related(v.Last.ContextID) {
			o.keepSet(ctx, r) // as who joins does
		}
		return report, r.quiet.ResumeLeft(ctx)
	}
	if err := o.mayTry(ctx, r, v); err != nil {
		return "", err
	}
	if r.quiet.Wanted() && !r.quiet.Paused() {
		if err := r.quiet.Begin(ctx, v.Newest); err != nil {
			return "", err
		}
		if err := r.Observe(ctx); err != nil { // the wait may have been long: look again
			return "", err
		}
		return o.deploy(ctx, r)
	}
	if err := r.quiet.Holds(ctx); err != nil {
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
	if _, build, _ := r.compared.Operation().Attempt(t.ContextID); build != o.Build.ID { // this build's own has them
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
