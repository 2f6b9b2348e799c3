package bootstrap

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/config"
)

// Plan is what deploy would change.
type Plan struct {
	Steps  []step.Planned
	Config *config.Config // what is wanted, with what was wanted before and the defaults
	// InstanceTypes are those that were chosen, by what they are for: "worker".
	InstanceTypes map[string]string
}

// Changes says whether there is anything to do.
func (p Plan) Changes() bool {
	for _, s := range p.Steps {
		if s.Changes {
			return true
		}
	}
	return false
}

// Plan says what Deploy would change, step by step, with credentials hidden. It
// changes nothing, but for a change set of the stack that it discards.
func (i *Installation) Plan(ctx context.Context, o Options) (Plan, error) {
	w := i.begin(o)
	w.Documents.Asks, w.Plans = true, true
	if err := w.Perform(ctx, step.Step{Name: step.Account, Converge: w.CheckAccount}); err != nil {
		return Plan{}, err
	}
	found, err := w.openFirst(ctx)
	if err != nil {
		return Plan{}, &step.Error{Step: step.State, Err: err}
	}
	state, err := w.planState(ctx, found)
	if err != nil {
		return Plan{}, &step.Error{Step: step.State, Err: err}
	}
	plan := Plan{Steps: []step.Planned{state}}
	if err := w.goal.CheckRoom(ctx); err != nil {
		return Plan{}, &step.Error{Step: step.Configuration, Err: err}
	}
	plan.Config, plan.InstanceTypes = w.Config, w.Record.InstanceTypes
	for _, s := range w.steps() {
		planned, err := w.Runner().Foresee(ctx, s)
		if err != nil {
			return plan, err
		}
		if planned.Changes || len(planned.Lines) > 0 || !s.Quiet {
			plan.Steps = append(plan.Steps, planned)
		}
	}
	return plan, nil
}

// planState says what would become of the state.
func (w *work) planState(ctx context.Context, found bool) (step.Planned, error) {
	c := step.Same("%s", w.StoreName())
	switch {
	case !found:
		if err := w.Documents.Keys.Try(ctx, false); err != nil {
			return step.Planned{}, err
		}
		c = step.Differs(step.NotYet, "+ "+w.StoreName())
	case w.Documents.Old():
		c = step.Differs("would be signed and encrypted", w.Documents.MovedLines()...)
	case len(w.Documents.NewKeys()) > 0:
		c = step.Differs("would be signed or encrypted by another key", step.Marked("~ ", w.Documents.NewKeys())...)
	}
	c.Step = step.State
	return c.Planned, nil
}
