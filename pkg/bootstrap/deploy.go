package bootstrap

import (
	"context"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/database"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/deploy"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/document"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/selection"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// deployOf is the deploy of the set through a director. It lacks the Concourse that it asks.
func (r *work) deployOf(d Director, in manifest.Input) deploy.Deploy {
	o := r.Options
	return deploy.Deploy{
		Director: d, Input: in, Set: r.Set, Team: r.Reach().Web().Team, Build: r.Build,
		Self: o.Self, Recreate: o.Recreate, AllowDowngrade: o.AllowDowngrade, Attempts: o.Attempts, NoQuiet: r.noQuiet(),
		Note: r.NoteOf(step.Deploy), Debug: r.Log, Mask: r.Mask, Timeout: r.Timeout, Poll: r.Poll, Still: r.Still, LeaseTTL: r.LeaseTTL,
	}
}

// alone says that there is no director yet.
func (r *work) alone() bool { return r.Bare() || !r.Elsewhere() && !r.Record.Director }

// compareDeploy compares what is deployed with what is wanted.
func (r *work) compareDeploy(ctx context.Context) (step.Comparison, error) {
	if r.alone() {
		if !database.Service(r.Config) {
			r.Postgres, _ = r.database().Major(nil, r.User)
		}
		lines := slices.Concat([]string{"  cloud config:"}, r.firstOf(manifest.CloudConfig), []string{"  manifest:"}, r.firstOf(manifest.Concourse))
		return step.Differs(step.NotYet, lines...), nil
	}
	d, done, err := r.OpenDirector()
	if err != nil {
		return step.Comparison{}, err
	}
	defer done()
	if r.repairs && !r.answers(ctx, d) {
		return step.Same("not known until the director answers"), nil
	}
	if err := r.settleDatabase(ctx, d); err != nil {
		return step.Comparison{}, err
	}
	in, err := r.Input()
	if err != nil {
		return step.Comparison{}, err
	}
	rendered, err := deploy.Rendered(in, r.Set)
	if err != nil {
		return step.Comparison{}, err
	}
	wanted := r.deployOf(d, in)
	if wanted.ATC, err = r.ATC(r.WebNow(ctx)); err != nil {
		return step.Comparison{}, err
	}
	would, err := wanted.Compare(ctx, rendered)
	if err != nil {
		return step.Comparison{}, err
	}
	r.task, r.deploys = would.Task, would.Deploys
	if !would.Changes {
		return step.Same("%s", selection.Describe(r.Set)), nil
	}
	return step.Differs("would change", would.Lines...), nil
}

// deploy brings stemcell and releases to the director and deploys: in a first
// install it waits for the end, in a self-upgrade only until it is accepted.
func (r *work) deploy(ctx context.Context) (step.Outcome, error) {
	d, done, err := r.OpenDirector()
	if err != nil {
		return step.Outcome{}, err
	}
	defer done()
	if err := r.settleDatabase(ctx, d); err != nil {
		return step.Outcome{}, err
	}
	in, err := r.Input()
	if err != nil {
		return step.Outcome{}, err
	}
	rendered, err := deploy.Rendered(in, r.Set)
	if err != nil {
		return step.Outcome{}, err
	}
	r.Record.Deployment = true
	if err := r.Save(ctx); err != nil {
		return step.Outcome{}, err
	}
	wanted := r.deployOf(d, in)
	if wanted.ATC, err = r.ATC(r.WebNow(ctx)); err != nil {
		return step.Outcome{}, err
	}
	wanted.State = state.Folder(r.Store, document.RunFolder)
	wanted.Submitting = func(ctx context.Context) error {
		r.Record.Submitted = r.Set
		return r.Save(ctx)
	}
	did, err := wanted.Run(ctx, rendered)
	r.strands = did.Stranded
	if err != nil {
		r.takeBackRefused(ctx, did.Refused)
		return step.Outcome{}, err
	}
	r.task, r.deployed = did.Task, !r.Options.Self
	if err := r.keepVersion(ctx); err != nil {
		return step.Outcome{}, err
	}
	what := selection.Describe(r.Set)
	switch {
	case len(did.Changes) == 0:
		return step.UpToDate.Report("%s", what)
	case r.Options.Self:
		return step.Changed.Report("%s: director task %d was accepted and keeps running", what, r.task)
	}
	return step.Changed.Report("%s: %s", what, strings.Join(did.Changes, ", "))
}
