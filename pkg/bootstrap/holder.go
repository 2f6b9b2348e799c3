package bootstrap

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/document"
	"github.com/perpetual-ci/perpetual/pkg/state/lease"
)

// Holder says which run holds the installation's lease, nil for none. It takes
// nothing, and fails with ErrNotFound where there is no state.
func (i *Installation) Holder(ctx context.Context) (*lease.HeldError, error) {
	r := i.begin(Options{})
	if err := r.Identify(ctx); err != nil {
		return nil, err
	}
	store, _, err := r.OpenStore(ctx, r.Config, r.Identity.Account, false)
	if err != nil {
		return nil, err
	}
	name, err := document.LeaseOf(ctx, store)
	if err != nil {
		return nil, err
	}
	return lease.HeldBy(ctx, store, name)
}
