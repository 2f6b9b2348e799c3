package bootstrap

import (
	"context"
	"errors"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/environment"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/preflight"
	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

// openFirst reads the state if there is one, and refuses one that knows less than the
// world. Nothing is written.
func (w *work) openFirst(ctx context.Context) (found bool, err error) {
	_, err = w.Open(ctx, false)
	switch {
	case errors.Is(err, ErrNotFound):
		if err := w.Merge(); err != nil {
			return false, err
		}
	case err != nil:
		return false, w.unopened(ctx, err)
	default:
		found = true
	}
	switch {
	case w.Elsewhere():
		return found, w.deploymentCheck().Check(ctx)
	case w.Documents.Known():
		return found, w.checkStack(ctx)
	}
	if err := w.stackCheck().Check(ctx); err != nil {
		return found, err
	}
	return found, w.stackCheck().CheckRegions(ctx)
}

// checkDestroy refuses to delete by a state that knows less than the world.
func (w *work) checkDestroy(ctx context.Context) error {
	if w.Elsewhere() {
		return w.deploymentCheck().CheckDestroy(ctx)
	}
	return w.checkStack(ctx)
}

// checkStack compares the state with what there is in the account.
func (w *work) checkStack(ctx context.Context) error {
	if err := w.stackCheck().Check(ctx); err != nil {
		return err
	}
	return w.checkPossessions(ctx)
}

// checkPossessions wants everything that create-env's state names to be of this
// installation. What is gone is created again, as ever. It reads only. Runs of the pipeline
// write create-env's state, too: an operator's keys reach further than the pipeline's, so
// that whose a thing is is asked before a run by hand uses, changes or deletes it.
func (w *work) checkPossessions(ctx context.Context) error {
	if w.Documents.Keys.Inside() || w.Elsewhere() || w.Store == nil || !w.Documents.Known() {
		return nil
	}
	things, err := ledger.Things(ctx, environment.NewDocuments(w.Store, ""))
	if err != nil {
		return err
	}
	_, err = w.Possessions().Judge(ctx, things, true)
	return err
}

// unopened explains a state that could not be opened.
func (w *work) unopened(ctx context.Context, err error) error {
	if w.Elsewhere() || ctx.Err() != nil || w.Documents.Keys.Unlocked() {
		return err // the documents were found
	}
	return w.stackCheck().Explain(ctx, err)
}

// stackCheck compares the state with the stack.
func (w *work) stackCheck() preflight.Stack {
	c := preflight.Stack{
		State: w.Known(), Account: w.Identity.Account, Region: w.Config.AWS.Region,
		Site: w.Site(), Regions: w.Account.Regions, Warn: w.Progress.Warn,
	}
	if !w.Local() {
		c.Bucket = w.BucketName()
	}
	return c
}

// deploymentCheck compares the state with the director that exists.
func (w *work) deploymentCheck() preflight.Deployment {
	at := w.Reach().Director()
	return preflight.Deployment{
		State: w.Known(), URL: at.URL, Deployment: manifest.DeploymentName(w.Config),
		Open: func() (preflight.Director, func(), error) { return w.Director(at) },
	}
}
