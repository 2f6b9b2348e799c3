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
func (r *run) own(ctx context.Context) error {
	if r.options.Self {
		return nil
	}
	if r.kept.Old() {
		if err := r.perform(ctx, step.Step{Name: step.State, Converge: r.move}); err != nil {
			return err
		}
	}
	if !r.kept.Signed() {
		return nil
	}
	err := r.kept.ClearOld(ctx)
	if err == nil {
		err = r.checkPossessions(ctx) // a state that was moved has been looked at nowhere else
	}
	if err == nil {
		err = r.kept.NoteAccepted()
	}
	if err != nil {
		return &step.Error{Step: step.State, Err: err}
	}
	if len(r.kept.NewKeys()) > 0 && !r.kept.Lenient {
		return r.perform(ctx, step.Step{Name: step.State, Converge: r.signAgain})
	}
	if err := r.kept.NoteSigner(); err != nil {
		return &step.Error{Step: step.State, Err: err}
	}
	return nil
}

// move writes the state of an older release to its places, with a key for the pipeline.
func (r *run) move(ctx context.Context) (step.Outcome, error) {
	if _, err := r.generator().AddStateKey(r.credentials); err != nil {
		return step.Outcome{}, err
	}
	if err := r.kept.Move(ctx, r.contents()); err != nil {
		return step.Outcome{}, err
	}
	return step.Changed.Report("it is signed and encrypted now")
}

// signAgain has the operator's documents signed and encrypted by the keys of now.
func (r *run) signAgain(ctx context.Context) (step.Outcome, error) {
	report, err := r.kept.SignAgain(ctx, r.contents())
	if err != nil {
		return step.Outcome{}, err
	}
	return step.Changed.Report("%s", report)
}

// Stored gives the configuration that a store has, signed or of an older release. It
// fails with ErrNotFound.
func (i *Installation) Stored(ctx context.Context, store state.Store) (*config.Config, error) {
	r := i.newRun(Options{})
	r.kept.Lenient = true
	said, err := r.kept.Config(ctx, store)
	if err == nil && said == nil {
		err = fmt.Errorf("the configuration: %w", ErrNotFound)
	}
	return said, err
}
