package bootstrap

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/deploy"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

// compareVerify finds the pipelines that an earlier run has left paused: the verification
// lets them run again, and changes nothing else.
func (r *work) compareVerify(ctx context.Context) (step.Comparison, error) {
	if r.alone() || !r.Record.Deployment {
		return step.Same("web and workers would be looked at"), nil
	}
	d, done, err := r.OpenDirector()
	if err != nil {
		return step.Comparison{}, err
	}
	defer done()
	return deploy.Stranded{Director: d, Deployment: manifest.DeploymentName(r.Config)}.Compare(ctx, r.task, r.deploys)
}

// verify looks at the new Concourse as the verifying build does.
func (r *work) verify(ctx context.Context) (step.Outcome, error) {
	d, done, err := r.OpenDirector()
	if err != nil {
		return step.Outcome{}, err
	}
	defer done()
	web := r.Reach().Web()
	atc, err := r.ATC(web)
	if err != nil {
		return step.Outcome{}, err
	}
	released, err := deploy.Verification{
		Director: d, ATC: atc, Config: r.Config, Set: r.Set,
		Note: r.NoteOf(step.Verify), Debug: r.Log, Timeout: r.Timeout, Settle: r.Settle, Poll: r.Poll,
	}.Run(ctx, r.task, r.strands)
	if err != nil {
		return step.Outcome{}, err
	}
	r.Record.Applied, r.Record.Web = r.Set, &record.Web{URL: web.URL, CACert: web.CACert}
	if released {
		return step.Changed.Report("web and workers answer, and run what was deployed; pipelines that a run had left paused run again")
	}
	return step.UpToDate.Report("web and workers answer, and run what was deployed")
}
