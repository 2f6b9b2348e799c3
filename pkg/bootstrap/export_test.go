package bootstrap

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
)

// OnlyPipeline does the steps about the pipeline alone, of an installation whose state is
// there.
func (i *Installation) OnlyPipeline(ctx context.Context, o Options) (Result, error) {
	w := i.begin(o)
	if err := w.Perform(ctx, step.Step{Name: step.Account, Converge: w.CheckAccount}); err != nil {
		return w.result(), err
	}
	if _, err := w.Open(ctx, false); err != nil {
		return w.result(), err
	}
	held, release, err := w.Documents.Hold(ctx, "test")
	if err != nil {
		return w.result(), err
	}
	defer release()
	if _, err := w.Open(held, false); err != nil {
		return w.result(), err
	}
	w.Set = w.Record.Desired
	steps := []step.Step{{Name: step.Parameters, Compare: w.parts.Parameters.Compare}, {Name: step.Pipeline, Compare: w.parts.Pipeline.Compare}}
	if o.Self {
		steps = steps[1:]
	}
	err = w.Perform(held, steps...)
	return w.result(), err
}

// PlanPipeline gives the lines of the plan of those steps.
func (i *Installation) PlanPipeline(ctx context.Context) ([]string, error) {
	w := i.begin(Options{})
	if err := w.Perform(ctx, step.Step{Name: step.Account, Converge: w.CheckAccount}); err != nil {
		return nil, err
	}
	if _, err := w.Open(ctx, false); err != nil {
		return nil, err
	}
	w.Set, w.Record.Deployment = w.Record.Desired, true
	parameters, err := w.parts.Parameters.Compare(ctx)
	if err != nil {
		return nil, err
	}
	pipeline, err := w.parts.Pipeline.Compare(ctx)
	return append(parameters.Lines, pipeline.Lines...), err
}
