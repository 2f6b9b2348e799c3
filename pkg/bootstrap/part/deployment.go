package part

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/deletion"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/deploy"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/document"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/goal"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/run"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/selection"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// Deployment is Concourse, as the director deploys it.
type Deployment struct {
	*run.Run
	goal     *goal.Goal
	director *Director

	Task     int  // the director's, of the deploy; 0 for none
	deploys  bool // a plan has found that it would start a task of the director, or join one
	done     bool // this run has deployed, and waited for the end
	stranded bool // an earlier run has left pipelines paused
}

// deployOf is the deploy of the set through a director. It lacks the Concourse that it asks.
func (p *Deployment) deployOf(d run.Director, in manifest.Input) deploy.Deploy {
	o := p.Options
	return deploy.Deploy{
		Director: d, Input: in, Set: p.Set, Team: p.Reach().Web().Team, Build: p.Build,
		Self: o.Self, Recreate: o.Recreate, AllowDowngrade: o.AllowDowngrade, Attempts: o.Attempts, NoQuiet: p.goal.NoQuiet(),
		Note: p.NoteOf(step.Deploy), Debug: p.Log, Mask: p.Mask, Timeout: p.Timeout, Poll: p.Poll, Still: p.Still, LeaseTTL: p.LeaseTTL,
	}
}

// Compare compares what is deployed with what is wanted.
func (p *Deployment) Compare(ctx context.Context) (step.Comparison, error) {
	if alone(p.Run) {
		p.goal.ExpectDatabase()
		lines := slices.Concat([]string{"  cloud config:"}, firstOf(p.Run, manifest.CloudConfig), []string{"  manifest:"}, firstOf(p.Run, manifest.Concourse))
		return step.Differs(step.NotYet, lines...), nil
	}
	d, done, err := p.OpenDirector()
	if err != nil {
		return step.Comparison{}, err
	}
	defer done()
	if p.director.broken(ctx, d) {
		return step.Same("not known until the director answers"), nil
	}
	if err := p.goal.SettleDatabase(ctx, d); err != nil {
		return step.Comparison{}, err
	}
	in, err := p.Input()
	if err != nil {
		return step.Comparison{}, err
	}
	rendered, err := deploy.Rendered(in, p.Set)
	if err != nil {
		return step.Comparison{}, err
	}
	wanted := p.deployOf(d, in)
	if wanted.ATC, err = p.ATC(p.WebNow(ctx)); err != nil {
		return step.Comparison{}, err
	}
	would, err := wanted.Compare(ctx, rendered)
	if err != nil {
		return step.Comparison{}, err
	}
	p.Task, p.deploys = would.Task, would.Deploys
	if !would.Changes {
		return step.Same("%s", selection.Describe(p.Set)), nil
	}
	return step.Differs("would change", would.Lines...), nil
}

// Converge brings stemcell and releases to the director and deploys: in a first
// install it waits for the end, in a self-upgrade only until it is accepted.
func (p *Deployment) Converge(ctx context.Context) (step.Outcome, error) {
	d, done, err := p.OpenDirector()
	if err != nil {
		return step.Outcome{}, err
	}
	defer done()
	if err := p.goal.SettleDatabase(ctx, d); err != nil {
		return step.Outcome{}, err
	}
	in, err := p.Input()
	if err != nil {
		return step.Outcome{}, err
	}
	rendered, err := deploy.Rendered(in, p.Set)
	if err != nil {
		return step.Outcome{}, err
	}
	p.Record.Deployment = true
	if err := p.Save(ctx); err != nil {
		return step.Outcome{}, err
	}
	wanted := p.deployOf(d, in)
	if wanted.ATC, err = p.ATC(p.WebNow(ctx)); err != nil {
		return step.Outcome{}, err
	}
	wanted.State = state.Folder(p.Store, document.RunFolder)
	wanted.Submitting = func(ctx context.Context) error {
		p.Record.Submitted = p.Set
		return p.Save(ctx)
	}
	did, err := wanted.Run(ctx, rendered)
	p.stranded = did.Stranded
	if err != nil {
		if did.Refused {
			p.goal.TakeBackRefused(ctx)
		}
		return step.Outcome{}, err
	}
	p.Task, p.done = did.Task, !p.Options.Self
	if err := p.goal.KeepVersion(ctx); err != nil {
		return step.Outcome{}, err
	}
	what := selection.Describe(p.Set)
	switch {
	case len(did.Changes) == 0:
		return step.UpToDate.Report("%s", what)
	case p.Options.Self:
		return step.Changed.Report("%s: director task %d was accepted and keeps running", what, p.Task)
	}
	return step.Changed.Report("%s: %s", what, strings.Join(did.Changes, ", "))
}

// Delete has the director delete every VM that it has made for us. What
// nobody here has deployed is left alone.
func (p *Deployment) Delete(ctx context.Context) (step.Outcome, error) {
	if !p.Record.Deployment {
		return step.Skipped.Report("nothing was deployed")
	}
	d, done, err := p.OpenDirector()
	if err != nil {
		return step.Outcome{}, err
	}
	defer done()
	gone := deletion.Deployment{
		Director: d, Name: manifest.DeploymentName(p.Config), ContextID: "perpetual-destroy-" + p.Name, CleansUp: !p.Elsewhere(), Note: p.NoteOf(step.Deploy),
	}
	task, err := gone.Submit(ctx)
	if errors.Is(err, bosh.ErrNotFound) {
		p.Record.Deployment = false
		return step.UpToDate.Report("no deployment %s on the director", manifest.DeploymentName(p.Config))
	}
	if err != nil {
		way := fmt.Sprintf("perpetual deploy %s repairs the director, or the way to it from here", p.Name)
		if p.Elsewhere() {
			way = "run destroy again when the director answers"
		}
		return step.Outcome{}, fmt.Errorf("delete deployment %s: %w; nothing else was deleted, since its VMs would be left over: %s",
			manifest.DeploymentName(p.Config), step.Because(ctx, err), way)
	}
	if err := gone.Wait(ctx, task); err != nil {
		return step.Outcome{}, err
	}
	p.Record.Deployment = false
	return step.Changed.Report("deployment %s and its VMs were deleted", manifest.DeploymentName(p.Config))
}
