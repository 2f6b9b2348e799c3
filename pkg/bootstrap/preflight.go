package bootstrap

import (
	"context"
	"errors"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/database"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/preflight"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
)

// openFirst reads the state if there is one, and refuses one that knows less than the
// world. Nothing is written.
func (r *run) openFirst(ctx context.Context) (found bool, err error) {
	_, err = r.open(ctx, false)
	switch {
	case errors.Is(err, ErrNotFound):
		if err := r.merge(); err != nil {
			return false, err
		}
	case err != nil:
		return false, r.unopened(ctx, err)
	default:
		found = true
	}
	switch {
	case r.elsewhere():
		return found, r.deploymentCheck().Check(ctx)
	case r.kept.Known():
		return found, r.checkStack(ctx)
	}
	if err := r.stackCheck().Check(ctx); err != nil {
		return found, err
	}
	return found, r.stackCheck().CheckRegions(ctx)
}

// checkDestroy refuses to delete by a state that knows less than the world.
func (r *run) checkDestroy(ctx context.Context) error {
	if r.elsewhere() {
		return r.deploymentCheck().CheckDestroy(ctx)
	}
	return r.checkStack(ctx)
}

// checkStack compares the state with what there is in the account.
func (r *run) checkStack(ctx context.Context) error {
	if err := r.stackCheck().Check(ctx); err != nil {
		return err
	}
	return r.checkPossessions(ctx)
}

// checkSilence wants nobody to answer where the director is about to be made, but on a
// stack of this run, where nobody was before.
func (r *run) checkSilence(ctx context.Context) error {
	if r.stackMade {
		return nil
	}
	return r.known().CheckSilence(ctx, r.environmentFolder(), r.access().URL, r.Answers)
}

// unopened explains a state that could not be opened.
func (r *run) unopened(ctx context.Context, err error) error {
	if r.elsewhere() || ctx.Err() != nil || r.kept.Keys.Unlocked() {
		return err // the documents were found
	}
	return r.stackCheck().Explain(ctx, err)
}

// known is what the state knows.
func (r *run) known() preflight.State {
	made := slices.ContainsFunc(r.record.Steps, func(s record.Step) bool { return s.Step == step.Credentials })
	known := preflight.State{
		Name: r.Name, Where: storeName(r), Documents: r.kept, Store: r.store, Record: r.record,
		Generated: made || r.record.Director || database.Service(r.config),
	}
	if !r.elsewhere() {
		known.DirectorState = directorStateName
	}
	return known
}

// stackCheck compares the state with the stack.
func (r *run) stackCheck() preflight.Stack {
	c := preflight.Stack{
		State: r.known(), Account: r.identity.Account, Region: r.config.AWS.Region,
		Site: r.site(), Regions: r.Account.Regions, Warn: r.Progress.Warn,
	}
	if !r.local() {
		c.Bucket = r.bucketName()
	}
	return c
}

// deploymentCheck compares the state with the director that exists.
func (r *run) deploymentCheck() preflight.Deployment {
	at := r.access()
	return preflight.Deployment{
		State: r.known(), URL: at.URL, Deployment: r.deploymentName(),
		Open: func() (preflight.Director, func(), error) { return r.Director(at) },
	}
}
