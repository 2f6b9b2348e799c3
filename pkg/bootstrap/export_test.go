package bootstrap

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
)

// OnlyPipeline does the steps about the pipeline alone, of an installation whose state is
// there.
func (i *Installation) OnlyPipeline(ctx context.Context, o Options) (Result, error) {
	r := i.begin(o)
	if err := r.Perform(ctx, step.Step{Name: step.Account, Converge: r.CheckAccount}); err != nil {
		return r.result(), err
	}
	if _, err := r.Open(ctx, false); err != nil {
		return r.result(), err
	}
	held, release, err := r.Documents.Hold(ctx, "test")
	if err != nil {
		return r.result(), err
	}
	defer release()
	if _, err := r.Open(held, false); err != nil {
		return r.result(), err
	}
	r.Set = r.Record.Desired
	steps := []step.Step{{Name: step.Parameters, Compare: r.compareParameters}, {Name: step.Pipeline, Compare: r.comparePipeline}}
	if o.Self {
		steps = steps[1:]
	}
	err = r.Perform(held, steps...)
	return r.result(), err
}

// PlanPipeline gives the lines of the plan of those steps.
func (i *Installation) PlanPipeline(ctx context.Context) ([]string, error) {
	r := i.begin(Options{})
	if err := r.Perform(ctx, step.Step{Name: step.Account, Converge: r.CheckAccount}); err != nil {
		return nil, err
	}
	if _, err := r.Open(ctx, false); err != nil {
		return nil, err
	}
	r.Set, r.Record.Deployment = r.Record.Desired, true
	parameters, err := r.compareParameters(ctx)
	if err != nil {
		return nil, err
	}
	pipeline, err := r.comparePipeline(ctx)
	return append(parameters.Lines, pipeline.Lines...), err
}
