package bootstrap

import (
	"context"
	"errors"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/document"
	"github.com/perpetual-ci/perpetual/pkg/state"
	"github.com/perpetual-ci/perpetual/pkg/state/lease"
)

// Holder says which run holds the installation's lease, nil for none. It takes
// nothing, and fails with ErrNotFound where there is no state.
func (i *Installation) Holder(ctx context.Context) (*lease.HeldError, error) {
	store, name, err := i.lease(ctx)
	if err != nil {
		return nil, err
	}
	return lease.HeldBy(ctx, store, name)
}

// Unlock breaks the lease of a run that is certainly dead, by the id that the error
// of the run which could not have it names. It fails with ErrNotFound where there is
// no state.
func (i *Installation) Unlock(ctx context.Context, id string) error {
	store, name, err := i.lease(ctx)
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

// lease is where the lease is: in the store, by its name there.
func (i *Installation) lease(ctx context.Context) (store state.Store, name string, err error) {
	w := i.begin(Options{})
	if err := w.Identify(ctx); err != nil {
		return nil, "", err
	}
	if store, _, err = w.OpenStore(ctx, w.Config, w.Identity.Account, false); err != nil {
		return nil, "", err
	}
	name, err = document.LeaseOf(ctx, store)
	return store, name, err
}

// Alone does something while no run can begin on the installation. It fails when
// one is under way, and with ErrNotFound where there is no state.
func (i *Installation) Alone(ctx context.Context, purpose string, do func(context.Context) error) error {
	w := i.begin(Options{})
	if err := w.Identify(ctx); err != nil {
		return err
	}
	store, _, err := w.OpenStore(ctx, w.Config, w.Identity.Account, false)
	if err == nil {
		err = w.Documents.Attach(ctx, store)
	}
	if err != nil {
		return fmt.Errorf("open the state of %s: %w", i.Name, err)
	}
	held, release, err := w.Documents.Hold(ctx, purpose+" "+i.Name)
	if err != nil {
		return err
	}
	defer release()
	return do(held)
}
