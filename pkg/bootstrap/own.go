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
func (w *work) own(ctx context.Context) error {
	if w.Options.Self {
		return nil
	}
	if w.Documents.Old() {
		if err := w.Perform(ctx, step.Step{Name: step.State, Converge: w.move}); err != nil {
			return err
		}
	}
	if !w.Documents.Signed() {
		return nil
	}
	err := w.Documents.ClearOld(ctx)
	if err == nil {
		err = w.checkPossessions(ctx) // a state that was moved has been looked at nowhere else
	}
	if err == nil {
		err = w.Documents.NoteAccepted()
	}
	if err != nil {
		return &step.Error{Step: step.State, Err: err}
	}
	if len(w.Documents.NewKeys()) > 0 && !w.Documents.Lenient {
		return w.Perform(ctx, step.Step{Name: step.State, Converge: w.signAgain})
	}
	if err := w.Documents.NoteSigner(); err != nil {
		return &step.Error{Step: step.State, Err: err}
	}
	return nil
}

// move writes the state of an older release to its places, with a key for the pipeline.
func (w *work) move(ctx context.Context) (step.Outcome, error) {
	if _, err := w.Generator().AddStateKey(w.Credentials); err != nil {
		return step.Outcome{}, err
	}
	if err := w.Documents.Move(ctx, w.Contents()); err != nil {
		return step.Outcome{}, err
	}
	return step.Changed.Report("it is signed and encrypted now")
}

// signAgain has the operator's documents signed and encrypted by the keys of now.
func (w *work) signAgain(ctx context.Context) (step.Outcome, error) {
	report, err := w.Documents.SignAgain(ctx, w.Contents())
	if err != nil {
		return step.Outcome{}, err
	}
	return step.Changed.Report("%s", report)
}

// Stored gives the configuration that a store has, signed or of an older release. It
// fails with ErrNotFound.
func (i *Installation) Stored(ctx context.Context, store state.Store) (*config.Config, error) {
	w := i.begin(Options{})
	w.Documents.Lenient = true
	said, err := w.Documents.Config(ctx, store)
	if err == nil && said == nil {
		err = fmt.Errorf("the configuration: %w", ErrNotFound)
	}
	return said, err
}
