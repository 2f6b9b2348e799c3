package bootstrap

import (
	"context"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/environment"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/possession"
	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
)

// directorStateName is where create-env keeps its state.
const directorStateName = environmentFolder + "state.json"

// checkPossessions wants everything that create-env's state names to be of this
// installation. What is gone is created again, as ever. It reads only. Runs of the pipeline
// write create-env's state, too: an operator's keys reach further than the pipeline's, so
// that whose a thing is is asked before a run by hand uses, changes or deletes it.
func (r *run) checkPossessions(ctx context.Context) error {
	if r.kept.Keys.Inside() || r.elsewhere() || r.store == nil || !r.kept.Known() {
		return nil
	}
	things, err := ledger.Things(ctx, environment.NewDocuments(r.store, ""))
	if err != nil {
		return err
	}
	_, err = r.possessions().Judge(ctx, things, true)
	return err
}

// inspect is checkPossessions for what create-env has read when it begins. It says what
// of that is not there.
func (r *run) inspect(ctx context.Context, things []ledger.Thing) (gone []ledger.Thing, err error) {
	return r.possessions().Judge(ctx, things, false)
}

// possessions guards what create-env's state names.
func (r *run) possessions() *possession.Guard {
	if r.guard != nil {
		return r.guard
	}
	r.guard = &possession.Guard{
		Owner: possession.Owner{Name: r.Name, Account: r.identity.Account}, Account: r.Account, Document: directorStateName, Store: storeName(r),
		Accept: r.options.AcceptStored,
		Known:  func(id string) bool { return slices.Contains(r.kept.Keys.Seen().Things, id) },
		Took:   func(ids []string) { r.kept.Keys.Accepted(ids...) },
		Warn:   func(line string) { r.warn(line) },
	}
	if r.Operator != nil {
		r.guard.Ask = r.Operator.Accept
	}
	return r.guard
}
