package upgrade

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/task"
)

// defaultAcceptance is how long a task is looked for after its reply was lost.
// The director makes the task before it answers, so a task that does not show
// up while the director answers other questions was never made.
const defaultAcceptance = 30 * time.Second

// submissions is how often a deploy, or an upload, may get lost on its way.
const submissions = 3

// errUnseen says that a deploy was lost on its way: no task of it has shown up.
var errUnseen = errors.New("the director shows no task for it")

// submit has the director accept one attempt. Its error is errUnseen when it is certain
// that the director has not got it.
func (o Out) submit(ctx context.Context, r *run, diff bosh.Diff, v task.Verdict) (int, error) {
	contextID := r.operation(o.Build).ContextID(v.Next)
	if err := o.begin(ctx, r, v.Next); err != nil {
		return 0, err
	}
	if o.Submitting != nil {
		if err := o.Submitting(ctx, r.deployed.Manifest); err != nil {
			return 0, err
		}
	}
	crash.Here("before-submit")
	if err := r.fenced(); err != nil {
		return 0, err
	}
	r.sent, r.certain, r.result.Refused = contextID, 0, false
	tell(ctx, o.Debug, "submitting", "context", contextID, "attempt", v.Next, "try", r.unseen+1)
	id, err := o.Director.Deploy(ctx, r.manifest, r.options(diff, contextID))
	crash.Here("after-submit")
	if !errors.Is(err, bosh.ErrUncertain) {
		if err != nil { // it was certainly not accepted
			r.sent = ""
		}
		r.certain = id
		return id, err
	}
	o.say("the director's answer was lost (%v): looking for the task by its context id", err)
	id, searchErr := o.find(ctx, contextID, v.Newest)
	switch {
	case searchErr != nil:
		return 0, fmt.Errorf("%w; whether it was accepted is not known: look for a task with context id %s (%w)", err, contextID, searchErr)
	case id == 0:
		return 0, fmt.Errorf("%w, and %w", err, errUnseen)
	}
	return id, nil
}

// again submits a deploy once more that was lost on its way. Others may have deployed
// the same meanwhile, so it begins with the comparison: of several first deploys of a
// new deployment, a director makes a task for one, and answers others with a 500.
func (o Out) again(ctx context.Context, r *run, lost error) (string, error) {
	if r.unseen++; r.unseen == submissions {
		r.sent = ""
		return "", fmt.Errorf("%w, %d times; nothing is known to run; put again", lost, r.unseen)
	}
	o.say("%v: submitting it again", errUnseen)
	return o.deploy(ctx, r)
}

// find looks for the task of a lost answer until it is there, or until it is
// certain that there is none, which is 0. An error means that nobody knows.
func (o Out) find(ctx context.Context, contextID string, known int) (int, error) {
	began := time.Now()
	said := began
	for until := began.Add(o.acceptance()); ; {
		tasks, err := o.Director.Tasks(ctx, bosh.TaskFilter{ContextID: contextID, All: true})
		for _, t := range task.ByID(tasks) {
			if t.ID > known {
				return t.ID, nil
			}
		}
		if err == nil && time.Now().After(until) {
			return 0, nil
		}
		if err != nil && time.Since(said) > time.Minute {
			said = time.Now()
			o.say("still looking, after %s: %v", said.Sub(began).Round(time.Second), err)
		}
		tell(ctx, o.Debug, "looking again", "in", o.poll(), "for", "a task with context id "+contextID)
		if pauseErr := retry.Sleep(ctx, o.poll()); pauseErr != nil {
			if err != nil {
				pauseErr = fmt.Errorf("%w; list tasks: %w", pauseErr, err)
			}
			return 0, pauseErr
		}
	}
}

func (o Out) acceptance() time.Duration {
	if o.Acceptance == 0 {
		return defaultAcceptance
	}
	return o.Acceptance
}
