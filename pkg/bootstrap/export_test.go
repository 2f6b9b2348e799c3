package bootstrap

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
)

// OnlyPipeline does the steps about the pipeline alone, of an installation whose state is
// there.
func (i *Installation) OnlyPipeline(ctx context.Context, o Options) (Result, error) {
	r := i.newRun(o)
	if err := r.perform(ctx, step.Step{Name: step.Account, Converge: r.checkAccount}); err != nil {
		return r.result, err
	}
	if _, err := r.open(ctx, false); err != nil {
		return r.result, err
	}
	held, release, err := r.kept.Hold(ctx, "test")
	if err != nil {
		return r.result, err
	}
	defer release()
	if _, err := r.open(held, false); err != nil {
		return r.result, err
	}
	r.set = r.record.Desired
	steps := []step.Step{{Name: step.Parameters, Compare: r.compareParameters}, {Name: step.Pipeline, Compare: r.comparePipeline}}
	if o.Self {
		steps = steps[1:]
	}
	return r.result, r.perform(held, steps...)
}

// PlanPipeline gives the lines of the plan of those steps.
func (i *Installation) PlanPipeline(ctx context.Context) ([]string, error) {
	r := i.newRun(Options{})
	if err := r.perform(ctx, step.Step{Name: step.Account, Converge: r.checkAccount}); err != nil {
		return nil, err
	}
	if _, err := r.open(ctx, false); err != nil {
		return nil, err
	}
	r.set, r.record.Deployment = r.record.Desired, true
	parameters, err := r.compareParameters(ctx)
	if err != nil {
		return nil, err
	}
	pipeline, err := r.comparePipeline(ctx)
	return append(parameters.Lines, pipeline.Lines...), err
}
