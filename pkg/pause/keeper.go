package pause

import (
	"context"
	"errors"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/state"
)

// ErrConflict says that somebody else has written the list since it was read.
// Nothing was written.
var ErrConflict = errors.New("the list of paused pipelines was changed by somebody else")

// Keeper keeps the list of a deployment where it survives the run that writes it.
type Keeper interface {
	// Load reads the list; where there is none its revision is "" and the list
	// is the zero List. It fails when the list cannot be read as a whole.
	Load(ctx context.Context) (list List, revision string, err error)
	// Save writes the list over the revision that was read, and gives the new
	// one. It fails with ErrConflict.
	Save(ctx context.Context, list List, revision string) (string, error)
}

// Find gives the first keeper that has a list of what is paused, and the last
// one if none has.
func Find(ctx context.Context, keepers ...Keeper) (keeper Keeper, found bool, err error) {
	for _, keeper = range keepers {
		list, _, err := keeper.Load(ctx)
		if err != nil {
			return nil, false, fmt.Errorf("read the list of paused pipelines: %w", err)
		}
		if list.Active() {
			return keeper, true, nil
		}
	}
	return keeper, false, nil
}

// InState keeps the list as a document of a state store.
func InState(store state.Store, deployment string) Keeper {
	return stateKeeper{store, "paused/deployment-" + deployment}
}

type stateKeeper struct {
	store state.Store
	name  string // of the document
}

// Load implements Keeper.
func (k stateKeeper) Load(ctx context.Context) (List, string, error) {
	found, err := k.store.Get(ctx, k.name)
	if errors.Is(err, state.ErrNotFound) {
		return List{}, "", nil
	}
	if err != nil {
		return List{}, "", err
	}
	list, err := decode(k.name, found.Body)
	return list, found.Revision, err
}

// Save implements Keeper.
func (k stateKeeper) Save(ctx context.Context, list List, revision string) (string, error) {
	body, err := list.encode()
	if err != nil {
		return "", err
	}
	next, err := k.store.Put(ctx, k.name, body, revision)
	if errors.Is(err, state.ErrConflict) {
		return "", fmt.Errorf("%w: %w", ErrConflict, err)
	}
	return next, err
}
