package bootstrap

import (
	"context"
	"errors"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/document"
	"github.com/perpetual-ci/perpetual/pkg/state"
	"github.com/perpetual-ci/perpetual/pkg/state/lease"
)

// Unlock breaks the lease of a run that is certainly dead, by the id that the error
// of the run which could not have it names. It fails with ErrNotFound where there is
// no state.
func (i *Installation) Unlock(ctx context.Context, id string) error {
	r := i.begin(Options{})
	if err := r.Identify(ctx); err != nil {
		return err
	}
	store, _, err := r.OpenStore(ctx, r.Config, r.Identity.Account, false)
	if err != nil {
		return err
	}
	name, err := document.LeaseOf(ctx, store)
	if err != nil {
		return err
	}
	err = lease.Unlock(ctx, store, name, id)
	if errors.Is(err, state.ErrNotFound) {
		return fmt.Errorf("unlock %s: nobody holds its lease", i.Name)
	}
	if err != nil {
		return fmt.Errorf("unlock %s: %w", i.Name, err)
	}
	return nil
}
