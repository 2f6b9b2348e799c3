package bootstrap

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/preview"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
)

// Plan says what Deploy would change, step by step, with credentials hidden. It
// changes nothing, but for a change set of the stack that it discards.
func (i *Installation) Plan(ctx context.Context, o Options) (Plan, error) {
	r := i.begin(o)
	r.Documents.Asks, r.plans = true, true
	if err := r.Perform(ctx, step.Step{Name: step.Account, Converge: r.CheckAccount}); err != nil {
		return Plan{}, err
	}
	found, err := r.openFirst(ctx)
	if err != nil {
		return Plan{}, &step.Error{Step: step.State, Err: err}
	}
	state, err := r.planState(ctx, found)
	if err != nil {
		return Plan{}, &step.Error{Step: step.State, Err: err}
	}
	plan := Plan{Steps: []step.Planned{state}}
	if err := r.checkRoom(ctx); err != nil {
		return Plan{}, &step.Error{Step: step.Configuration, Err: err}
	}
	plan.Config, plan.InstanceTypes = r.Config, r.Record.InstanceTypes
	for _, s := range r.steps() {
		planned, err := r.Runner().Foresee(ctx, s)
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
func (r *work) planState(ctx context.Context, found bool) (step.Planned, error) {
	c := step.Same("%s", r.StoreName())
	switch {
	case !found:
		if err := r.Documents.Keys.Try(ctx, false); err != nil {
			return step.Planned{}, err
		}
		c = step.Differs(step.NotYet, "+ "+r.StoreName())
	case r.Documents.Old():
		c = step.Differs("would be signed and encrypted", r.Documents.MovedLines()...)
	case len(r.Documents.NewKeys()) > 0:
		c = step.Differs("would be signed or encrypted by another key", step.Marked("~ ", r.Documents.NewKeys())...)
	}
	c.Step = step.State
	return c.Planned, nil
}

// firstOf lists everything that is in a template which nothing is made from yet.
func (r *work) firstOf(render preview.Renderer) []string {
	in, err := r.Input()
	if err != nil {
		return preview.NotYet(err)
	}
	return preview.First(in, render)
}
