package bootstrap

import (
	"context"
	"errors"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/preflight"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

// openFirst reads the state if there is one, and refuses one that knows less than the
// world. Nothing is written.
func (r *work) openFirst(ctx context.Context) (found bool, err error) {
	_, err = r.Open(ctx, false)
	switch {
	case errors.Is(err, ErrNotFound):
		if err := r.Merge(); err != nil {
			return false, err
		}
	case err != nil:
		return false, r.unopened(ctx, err)
	default:
		found = true
	}
	switch {
	case r.Elsewhere():
		return found, r.deploymentCheck().Check(ctx)
	case r.Documents.Known():
		return found, r.checkStack(ctx)
	}
	if err := r.stackCheck().Check(ctx); err != nil {
		return found, err
	}
	return found, r.stackCheck().CheckRegions(ctx)
}

// checkDestroy refuses to delete by a state that knows less than the world.
func (r *work) checkDestroy(ctx context.Context) error {
	if r.Elsewhere() {
		return r.deploymentCheck().CheckDestroy(ctx)
	}
	return r.checkStack(ctx)
}

// checkStack compares the state with what there is in the account.
func (r *work) checkStack(ctx context.Context) error {
	if err := r.stackCheck().Check(ctx); err != nil {
		return err
	}
	return r.checkPossessions(ctx)
}

// checkSilence wants nobody to answer where the director is about to be made, but on a
// stack of this run, where nobody was before.
func (r *work) checkSilence(ctx context.Context) error {
	if r.stackMade {
		return nil
	}
	return r.Known().CheckSilence(ctx, r.environmentFolder(), r.Reach().Director().URL, r.Answers)
}

// unopened explains a state that could not be opened.
func (r *work) unopened(ctx context.Context, err error) error {
	if r.Elsewhere() || ctx.Err() != nil || r.Documents.Keys.Unlocked() {
		return err // the documents were found
	}
	return r.stackCheck().Explain(ctx, err)
}

// stackCheck compares the state with the stack.
func (r *work) stackCheck() preflight.Stack {
	c := preflight.Stack{
		State: r.Known(), Account: r.Identity.Account, Region: r.Config.AWS.Region,
		Site: r.Site(), Regions: r.Account.Regions, Warn: r.Progress.Warn,
	}
	if !r.Local() {
		c.Bucket = r.BucketName()
	}
	return c
}

// deploymentCheck compares the state with the director that exists.
func (r *work) deploymentCheck() preflight.Deployment {
	at := r.Reach().Director()
	return preflight.Deployment{
		State: r.Known(), URL: at.URL, Deployment: manifest.DeploymentName(r.Config),
		Open: func() (preflight.Director, func(), error) { return r.Director(at) },
	}
}
