package bootstrap

import (
	"context"
	"errors"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/possession"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
)

// Destroy removes everything that Deploy has made, also of an install that was
// never finished, and lists what is left: what is kept on purpose, and what the
// account still has of it. The state goes last, when nothing that it knows is left.
func (i *Installation) Destroy(ctx context.Context, o Options) (left []string, err error) {
	w := i.begin(o)
	w.Documents.Lenient, w.Documents.Asks = true, true
	if err := w.Perform(ctx, step.Step{Name: step.Account, Converge: w.CheckAccount}); err != nil {
		return nil, err
	}
	var kept []string
	stack := step.Step{Name: step.Infrastructure, Converge: func(ctx context.Context) (o step.Outcome, err error) {
		o, kept, err = w.parts.Infrastructure.Delete(ctx)
		return o, err
	}}
	if _, err := w.Open(ctx, false); errors.Is(err, ErrNotFound) {
		return w.destroyUnknown(ctx, stack)
	} else if err != nil {
		return nil, &step.Error{Step: step.State, Err: w.unopened(ctx, err)}
	}
	if err := w.checkDestroy(ctx); err != nil {
		return nil, &step.Error{Step: step.State, Err: err}
	}
	held, release, err := w.Documents.Hold(ctx, "destroy "+i.Name)
	if err != nil {
		return nil, &step.Error{Step: step.State, Err: err}
	}
	defer release()
	if _, err := w.Open(held, false); err != nil {
		return nil, &step.Error{Step: step.State, Err: err}
	}
	if err := w.own(held); err != nil {
		return nil, err
	}
	steps := []step.Step{
		{Name: step.Deploy, Converge: w.parts.Deployment.Delete}, {Name: step.Director, Converge: w.parts.Director.Delete},
		{Name: step.Parameters, Converge: w.parts.Parameters.Delete}, stack,
	}
	if err := w.Perform(held, steps...); err != nil {
		return kept, err
	}
	release() // before the store goes, with the lease in it
	return w.finish(ctx, kept)
}

// destroyUnknown is Destroy where there is no state: it deletes what a plan, or a first
// install that has failed early, has left of a stack.
func (w *work) destroyUnknown(ctx context.Context, remains step.Step) (left []string, err error) {
	if w.Elsewhere() {
		err = fmt.Errorf("there is no installation %s in %s: nothing was deleted", w.Name, w.StoreName())
	} else {
		err = w.stackCheck().CheckRemains(ctx)
	}
	if err != nil {
		return nil, &step.Error{Step: step.State, Err: err}
	}
	if err := w.Perform(ctx, remains); err != nil {
		return nil, err
	}
	return w.left(ctx, nil)
}

// finish removes the state and looks at what is left.
func (w *work) finish(ctx context.Context, kept []string) ([]string, error) {
	err := w.Perform(ctx, step.Step{Name: step.State, Converge: func(ctx context.Context) (step.Outcome, error) {
		// Before the documents go: a run that is killed leaves some of them.
		if err := w.Documents.Forget(); err != nil {
			return step.Outcome{}, err
		}
		if err := w.DeleteStore(ctx, w.Config, w.Identity.Account); err != nil {
			return step.Outcome{}, err
		}
		return step.Changed.Report("%s was deleted", w.StoreName())
	}})
	if err != nil {
		return kept, err
	}
	return w.left(ctx, kept)
}

// left adds what the account still has of the installation.
func (w *work) left(ctx context.Context, kept []string) ([]string, error) {
	if w.Elsewhere() {
		return kept, nil
	}
	list, err := w.Account.Tagged(ctx, possession.Tag, w.Name)
	if err != nil {
		return kept, fmt.Errorf("look for what is left: %w", err)
	}
	return append(kept, list...), nil
}
