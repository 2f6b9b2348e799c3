package bootstrap

import (
	"context"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// own makes the state the operator's: one of an older release is moved, and what was
// accepted is noted. It comes under the lease.
func (r *work) own(ctx context.Context) error {
	if r.Options.Self {
		return nil
	}
	if r.Documents.Old() {
		if err := r.Perform(ctx, step.Step{Name: step.State, Converge: r.move}); err != nil {
			return err
		}
	}
	if !r.Documents.Signed() {
		return nil
	}
	err := r.Documents.ClearOld(ctx)
	if err == nil {
		err = r.checkPossessions(ctx) // a state that was moved has been looked at nowhere else
	}
	if err == nil {
		err = r.Documents.NoteAccepted()
	}
	if err != nil {
		return &step.Error{Step: step.State, Err: err}
	}
	if len(r.Documents.NewKeys()) > 0 && !r.Documents.Lenient {
		return r.Perform(ctx, step.Step{Name: step.State, Converge: r.signAgain})
	}
	if err := r.Documents.NoteSigner(); err != nil {
		return &step.Error{Step: step.State, Err: err}
	}
	return nil
}

// move writes the state of an older release to its places, with a key for the pipeline.
func (r *work) move(ctx context.Context) (step.Outcome, error) {
	if _, err := r.Generator().AddStateKey(r.Credentials); err != nil {
		return step.Outcome{}, err
	}
	if err := r.Documents.Move(ctx, r.Contents()); err != nil {
		return step.Outcome{}, err
	}
	return step.Changed.Report("it is signed and encrypted now")
}

// signAgain has the operator's documents signed and encrypted by the keys of now.
func (r *work) signAgain(ctx context.Context) (step.Outcome, error) {
	report, err := r.Documents.SignAgain(ctx, r.Contents())
	if err != nil {
		return step.Outcome{}, err
	}
	return step.Changed.Report("%s", report)
}

// Stored gives the configuration that a store has, signed or of an older release. It
// fails with ErrNotFound.
func (i *Installation) Stored(ctx context.Context, store state.Store) (*config.Config, error) {
	r := i.begin(Options{})
	r.Documents.Lenient = true
	said, err := r.Documents.Config(ctx, store)
	if err == nil && said == nil {
		err = fmt.Errorf("the configuration: %w", ErrNotFound)
	}
	return said, err
}
