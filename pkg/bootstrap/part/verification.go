package part

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/deploy"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/run"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

// Verification is the look at what runs after the deploy.
type Verification struct {
	*run.Run
	deployment *Deployment
}

// Compare finds the pipelines that an earlier run has left paused: the verification
// lets them run again, and changes nothing else.
func (p *Verification) Compare(ctx context.Context) (step.Comparison, error) {
	if alone(p.Run) || !p.Record.Deployment {
		return step.Same("web and workers would be looked at"), nil
	}
	d, done, err := p.OpenDirector()
	if err != nil {
		return step.Comparison{}, err
	}
	defer done()
	return deploy.Stranded{Director: d, Deployment: manifest.DeploymentName(p.Config)}.Compare(ctx, p.deployment.Task, p.deployment.deploys)
}

// Converge looks at the new Concourse as the verifying build does.
func (p *Verification) Converge(ctx context.Context) (step.Outcome, error) {
	d, done, err := p.OpenDirector()
	if err != nil {
		return step.Outcome{}, err
	}
	defer done()
	web := p.Reach().Web()
	atc, err := p.ATC(web)
	if err != nil {
		return step.Outcome{}, err
	}
	released, err := deploy.Verification{
		Director: d, ATC: atc, Config: p.Config, Set: p.Set,
		Note: p.NoteOf(step.Verify), Debug: p.Log, Timeout: p.Timeout, Settle: p.Settle, Poll: p.Poll,
	}.Run(ctx, p.deployment.Task, p.deployment.stranded)
	if err != nil {
		return step.Outcome{}, err
	}
	p.Record.Applied, p.Record.Web = p.Set, &record.Web{URL: web.URL, CACert: web.CACert}
	if released {
		return step.Changed.Report("web and workers answer, and run what was deployed; pipelines that a run had left paused run again")
	}
	return step.UpToDate.Report("web and workers answer, and run what was deployed")
}
