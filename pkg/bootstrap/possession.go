package bootstrap

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/environment"
	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
)

// checkPossessions wants everything that create-env's state names to be of this
// installation. What is gone is created again, as ever. It reads only. Runs of the pipeline
// write create-env's state, too: an operator's keys reach further than the pipeline's, so
// that whose a thing is is asked before a run by hand uses, changes or deletes it.
func (r *work) checkPossessions(ctx context.Context) error {
	if r.Documents.Keys.Inside() || r.Elsewhere() || r.Store == nil || !r.Documents.Known() {
		return nil
	}
	things, err := ledger.Things(ctx, environment.NewDocuments(r.Store, ""))
	if err != nil {
		return err
	}
	_, err = r.Possessions().Judge(ctx, things, true)
	return err
}

// inspect is checkPossessions for what create-env has read when it begins. It says what
// of that is not there.
func (r *work) inspect(ctx context.Context, things []ledger.Thing) (gone []ledger.Thing, err error) {
	return r.Possessions().Judge(ctx, things, false)
}
