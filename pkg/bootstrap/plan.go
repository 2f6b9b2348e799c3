package bootstrap

import (
	"context"
)

// notYet is what a plan says of a step whose foundation is not there.
const notYet = "would be created"

// Plan says what Deploy would change, step by step, with credentials hidden. It
// changes nothing, but for a change set of the stack that it discards.
func (i *Installation) Plan(ctx context.Context, o Options) (Plan, error) {
	r := i.newRun(o)
	r.asks, r.plans = true, true
	if err := r.perform(ctx, []action{{stepAccount, r.checkAccount}}); err != nil {
		return Plan{}, err
	}
	found, err := r.openFirst(ctx)
	if err != nil {
		return Plan{}, &StepError{stepState, err}
	}
	state, err := r.planState(ctx, found)
	if err != nil {
		return Plan{}, &StepError{stepState, err}
	}
	plan := Plan{Steps: []PlannedStep{state}}
	if err := r.checkRoom(ctx); err != nil {
		return Plan{}, &StepError{stepConfiguration, err}
	}
	plan.Config, plan.InstanceTypes = r.config, r.record.InstanceTypes
	for _, s := range r.steps() {
		planned, err := r.foresee(ctx, s)
		if err != nil {
			return plan, err
		}
		if planned.Changes || len(planned.Lines) > 0 || !s.quiet {
			plan.Steps = append(plan.Steps, planned)
		}
	}
	return plan, nil
}

// foresee compares, and leaves everything as it is.
func (r *run) foresee(ctx context.Context, s step) (PlannedStep, error) {
	begun := r.now()
	if !s.quiet {
		r.Progress.Begin(s.name)
	}
	end := func(o Outcome) {
		if o.Took = r.now().Sub(begun); !s.quiet {
			r.Progress.End(s.name, o)
		}
	}
	c, err := s.compare(ctx)
	if err == nil && c.drop != nil {
		err = c.drop(ctx)
	}
	if err != nil {
		end(Outcome{Status: Failed, Report: err.Error()})
		return PlannedStep{}, &StepError{s.name, because(ctx, err)}
	}
	c.Step, c.skipped = s.name, false
	end(c.outcome())
	return c.PlannedStep, nil
}

// planState says what would become of the state.
func (r *run) planState(ctx context.Context, found bool) (PlannedStep, error) {
	c := same("%s", storeName(r))
	switch {
	case !found:
		if err := r.trySigner(ctx, false); err != nil {
			return PlannedStep{}, err
		}
		c = differs(notYet, "+ "+storeName(r))
	case r.old:
		c = differs("would be signed and encrypted", r.movedLines()...)
	case r.resigns() || r.rewraps():
		var lines []string
		if r.resigns() {
			lines = append(lines, "~ "+r.signerLine())
		}
		if r.rewraps() {
			lines = append(lines, "~ "+r.wrapperLine())
		}
		c = differs("would be signed or encrypted by another key", lines...)
	}
	c.Step = stepState
	return c.PlannedStep, nil
}
