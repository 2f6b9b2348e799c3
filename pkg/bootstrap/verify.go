package bootstrap

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/deploy"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
)

// compareVerify finds the pipelines that an earlier run has left paused: the verification
// lets them run again, and changes nothing else.
func (r *run) compareVerify(ctx context.Context) (step.Comparison, error) {
	if r.alone() || !r.record.Deployment {
		return step.Same("web and workers would be looked at"), nil
	}
	d, done, err := r.Director(r.access())
	if err != nil {
		return step.Comparison{}, err
	}
	defer done()
	return deploy.Stranded{Director: d, Deployment: r.deploymentName()}.Compare(ctx, r.result.Task, r.deploys)
}

// verify looks at the new Concourse as the verifying build does.
func (r *run) verify(ctx context.Context) (step.Outcome, error) {
	d, done, err := r.Director(r.access())
	if err != nil {
		return step.Outcome{}, err
	}
	defer done()
	web := r.web()
	atc, err := r.ATC(web)
	if err != nil {
		return step.Outcome{}, err
	}
	released, err := deploy.Verification{
		Director: d, ATC: atc, Config: r.config, Set: r.set,
		Note: r.noteOf(step.Verify), Debug: r.Log, Timeout: r.timeout(), Settle: r.Settle, Poll: r.poll(),
	}.Run(ctx, r.result.Task, r.strands)
	if err != nil {
		return step.Outcome{}, err
	}
	r.record.Applied, r.record.Web = r.set, &record.Web{URL: web.URL, CACert: web.CACert}
	if released {
		return step.Changed.Report("web and workers answer, and run what was deployed; pipelines that a run had left paused run again")
	}
	return step.UpToDate.Report("web and workers answer, and run what was deployed")
}
