package bootstrap

import (
	"context"
	"fmt"
)

// Alone does something while no run can begin on the installation. It fails when
// one is under way, and with ErrNotFound where there is no state.
func (i *Installation) Alone(ctx context.Context, purpose string, do func(context.Context) error) error {
	r := i.begin(Options{})
	if err := r.Identify(ctx); err != nil {
		return err
	}
	store, _, err := r.OpenStore(ctx, r.Config, r.Identity.Account, false)
	if err == nil {
		err = r.Documents.Attach(ctx, store)
	}
	if err != nil {
		return fmt.Errorf("open the state of %s: %w", i.Name, err)
	}
	held, release, err := r.Documents.Hold(ctx, purpose+" "+i.Name)
	if err != nil {
		return err
	}
	defer release()
	return do(held)
}
