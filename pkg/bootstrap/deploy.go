package bootstrap

import (
	"context"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
)

// Result is what Deploy ends with.
type Result struct {
	Changed  bool
	URL      string // "https://ci.example.com"
	Task     int    // the director task of the deploy; 0 if there was nothing to deploy
	Outcomes []step.NamedOutcome
}

// Deploy converges from any state: the first install, the hundredth run, and what a
// run that was killed has left. Its errors are *step.Error. A context that ends
// leaves what the cloud and the director have begun going on; the next run goes on
// from there.
func (i *Installation) Deploy(ctx context.Context, o Options) (Result, error) {
	w := i.begin(o)
	w.Documents.Asks = true
	err := w.converge(ctx)
	result := w.result()
	if err == nil {
		result.URL = w.Reach().URL()
	}
	return result, err
}

// converge does the steps of Deploy. What became of them is in the run.
func (w *work) converge(ctx context.Context) error {
	// The store comes first, and with it the lease under which all else is done.
	if err := w.Perform(ctx, step.Step{Name: step.Account, Converge: w.CheckAccount}); err != nil {
		return err
	}
	found, err := w.openFirst(ctx)
	switch {
	case err != nil:
		return &step.Error{Step: step.State, Err: step.Because(ctx, err)}
	case !found && w.Options.Self: // the pipeline's own rights are for what is there
		return &step.Error{Step: step.State, Err: fmt.Errorf("open the state of %s: %s: %w", w.Name, w.StoreName(), ErrNotFound)}
	case !found:
		// Before the state, which is the first thing that is made.
		if err := w.goal.CheckRoom(ctx); err != nil {
			return &step.Error{Step: step.Configuration, Err: step.Because(ctx, err)}
		}
	}
	if err := w.Documents.Keys.Try(ctx, true); err != nil {
		return &step.Error{Step: step.State, Err: step.Because(ctx, err)}
	}
	if err := w.Perform(ctx, step.Step{Name: step.State, Converge: w.openState}); err != nil {
		return err
	}
	held, release, err := w.Documents.Hold(ctx, "deploy "+w.Name)
	if err != nil {
		return &step.Error{Step: step.State, Err: err}
	}
	defer release()
	// Between the look and the lease somebody else may have written.
	if _, err := w.Open(held, false); err != nil {
		return &step.Error{Step: step.State, Err: err}
	}
	if err := w.own(held); err != nil {
		return err
	}
	return w.Perform(held, w.steps()...)
}

// openState makes the store if it is not there, and reads it.
func (w *work) openState(ctx context.Context) (step.Outcome, error) {
	if w.Options.Self {
		return step.UpToDate.Report("%s", w.StoreName())
	}
	created, err := w.Open(ctx, true)
	if err != nil {
		return step.Outcome{}, err
	}
	if created {
		return step.Changed.Report("%s was created", w.StoreName())
	}
	return step.UpToDate.Report("%s", w.StoreName())
}
