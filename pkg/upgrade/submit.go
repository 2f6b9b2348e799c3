package upgrade

import (
	"context"
	"errors"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/task"
)

// submissions is how often a deploy may get lost on its way.
const submissions = 3

// errUnseen says that a deploy was lost on its way: no task of it has shown up.
var errUnseen = errors.New("the director shows no task for it")

// submit has the director accept one attempt. Its error is errUnseen when it is certain
// that the director has not got it.
func (o Out) submit(ctx context.Context, r *run, diff bosh.Diff, v task.Verdict) (int, error) {
	contextID := r.compared.Operation().ContextID(v.Next)
	if err := o.begin(ctx, r, v.Next); err != nil {
		return 0, err
	}
	if o.Submitting != nil {
		if err := o.Submitting(ctx, r.Deployed.Manifest); err != nil {
			return 0, err
		}
	}
	crash.Here("before-submit")
	if err := r.fenced(); err != nil {
		return 0, err
	}
	r.sent, r.certain, r.result.Refused = contextID, 0, false
	o.Debug.DebugContext(ctx, "submitting", "context", contextID, "attempt", v.Next, "try", r.unseen+1)
	id, err := o.Director.Deploy(ctx, r.Manifest, r.options(diff, contextID))
	crash.Here("after-submit")
	if !errors.Is(err, bosh.ErrUncertain) {
		if err != nil { // it was certainly not accepted
			r.sent = ""
		}
		r.certain = id
		return id, err
	}
	o.say("the director's answer was lost (%v): looking for the task by its context id", err)
	id, searchErr := o.finder().Find(ctx, contextID, v.Newest)
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

// finder finds the tasks of lost answers.
func (o Out) finder() task.Finder {
	return task.Finder{Director: o.Director, Acceptance: o.Acceptance, Poll: o.poll(), Say: o.say, Debug: o.Debug}
}
