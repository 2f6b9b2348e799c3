package bootstrap

import (
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/goal"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/part"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/run"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
)

// work is a run with its steps.
type work struct {
	*run.Run
	goal  *goal.Goal
	parts part.Parts
}

// begin begins a run with what the user has given alone.
func (i *Installation) begin(o Options) *work {
	r := run.New(run.Installation(*i), o)
	g := &goal.Goal{Run: r}
	return &work{Run: r, goal: g, parts: part.New(g)}
}

// steps are those of a first install, run from outside, or those of a
// self-upgrade, run by a build: there nothing may come after the deploy, which
// takes away the worker that runs this.
func (w *work) steps() []step.Step {
	pipeline := step.Step{Name: step.Pipeline, Compare: w.parts.Pipeline.Compare}
	director := step.Step{Name: step.Director, Compare: w.parts.Director.Compare, Converge: w.parts.Director.Converge}
	deploy := step.Step{Name: step.Deploy, Compare: w.parts.Deployment.Compare, Converge: w.parts.Deployment.Converge}
	list := []step.Step{
		{Name: step.Configuration, Compare: w.goal.CompareConfiguration},
		{Name: step.Components, Compare: w.goal.CompareComponents},
		{Name: step.Infrastructure, Compare: w.parts.Infrastructure.Compare},
		{Name: step.Credentials, Compare: w.goal.CompareCredentials},
	}
	if w.Options.Self {
		return append(list, pipeline, director, deploy)
	}
	return append(list, director, deploy, step.Step{Name: step.Parameters, Compare: w.parts.Parameters.Compare}, pipeline,
		step.Step{Name: step.Verify, Compare: w.parts.Verification.Compare, Converge: w.parts.Verification.Converge, Quiet: true})
}

// result is what the run has done so far.
func (w *work) result() Result {
	return Result{
		Outcomes: w.Outcomes, Task: w.parts.Deployment.Task,
		Changed: slices.ContainsFunc(w.Outcomes, func(o step.NamedOutcome) bool { return o.Status == step.Changed }),
	}
}
