package part

import (
	"context"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/access"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/document"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/environment"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/goal"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/run"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/createenv"
	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// Director is the VM of the director, as create-env makes it.
type Director struct {
	*run.Run
	goal           *goal.Goal
	infrastructure *Infrastructure
	changes        bool // a plan has found that the VM would change
}

// request is what create-env is given. The keys are as fresh as they can be: those of a
// session end.
func (p *Director) request(ctx context.Context) (createenv.Request, error) {
	keys, err := p.Account.Keys(ctx)
	if err != nil {
		return createenv.Request{}, fmt.Errorf("keys for the director's CPI: %w", err)
	}
	p.Mask(keys.SecretKey, keys.SessionToken)
	in, err := p.Input()
	if err != nil {
		return createenv.Request{}, err
	}
	in.Installer.AccessKey, in.Installer.SecretKey, in.Installer.SessionToken = secret.New(keys.AccessKey), keys.SecretKey, keys.SessionToken
	request, err := environment.Request(in)
	if err != nil {
		return createenv.Request{}, err
	}
	request.Recreate = p.Options.Recreate
	if !p.Documents.Keys.Inside() { // the pipeline's role reaches nothing else
		request.Inspect = p.inspect
	}
	return request, nil
}

// Compare compares the director's VM with the wanted one.
func (p *Director) Compare(ctx context.Context) (step.Comparison, error) {
	switch {
	case p.Elsewhere():
		return p.look(ctx)
	case p.Bare():
		return step.Differs(step.NotYet, firstOf(p.Run, manifest.Director)...), nil
	}
	request, err := p.request(ctx)
	if err != nil {
		return step.Comparison{}, err
	}
	if err := p.checkSilence(ctx); err != nil {
		return step.Comparison{}, err
	}
	pending, err := p.environment().Pending(ctx, request)
	if err != nil {
		return step.Comparison{}, err
	}
	if len(pending) > 0 {
		p.changes = true
		return step.Differs("would change", pending...), nil
	}
	return step.Same("the director at %s", p.Reach().Director().URL), nil
}

// Converge makes the director's VM as wanted. create-env compares by itself what
// it is given, in the same way.
func (p *Director) Converge(ctx context.Context) (step.Outcome, error) {
	if p.Elsewhere() {
		c, err := p.look(ctx)
		return c.Outcome(), err
	}
	request, err := p.request(ctx)
	if err != nil {
		return step.Outcome{}, err
	}
	if err := p.checkSilence(ctx); err != nil {
		return step.Outcome{}, err
	}
	p.Record.Director = true
	if p.Record.DirectorVersions, err = p.goal.DirectorVersions(); err != nil {
		return step.Outcome{}, err
	}
	if err := p.Save(ctx); err != nil {
		return step.Outcome{}, err
	}
	made, err := p.environment().Create(ctx, request)
	if err != nil {
		return step.Outcome{}, err
	}
	p.Made = p.Made || made
	if !made {
		return step.UpToDate.Report("the director at %s", p.Reach().Director().URL)
	}
	return step.Changed.Report("the director runs at %s", p.Reach().Director().URL)
}

// look wants a director that exists to answer.
func (p *Director) look(ctx context.Context) (step.Comparison, error) {
	d, done, err := p.OpenDirector()
	if err != nil {
		return step.Comparison{}, err
	}
	defer done()
	if _, err := d.Stemcells(ctx); err != nil {
		return step.Comparison{}, fmt.Errorf("ask the director: %w", err)
	}
	return step.Same("the director at %s answers", p.Reach().Director().URL), nil
}

// Delete deletes the director's VM, its disk and its stemcell.
func (p *Director) Delete(ctx context.Context) (step.Outcome, error) {
	if p.Elsewhere() || p.Record.Infrastructure == nil || !p.Record.Director {
		return step.Skipped.Report("none was created")
	}
	request, err := p.request(ctx)
	if err != nil {
		return step.Outcome{}, err
	}
	if err := p.environment().Delete(ctx, request); err != nil {
		return step.Outcome{}, err
	}
	p.Record.Director = false
	return step.Changed.Report("the director, its disk and its stemcell were deleted")
}

// environment is create-env on the run's documents. A plan looks at those of an older
// release where they are.
func (p *Director) environment() environment.Director {
	trim := ""
	if p.Documents.Old() {
		trim = document.RunFolder
	}
	return environment.Director{Open: p.OpenEnvironment, Documents: environment.NewDocuments(p.Store, trim), Note: p.NoteOf(step.Director)}
}

// environmentFolder is below what create-env's documents are.
func (p *Director) environmentFolder() string {
	if p.Documents.Old() {
		return strings.TrimPrefix(run.EnvironmentFolder, document.RunFolder)
	}
	return run.EnvironmentFolder
}

// inspect wants what create-env has read when it begins to be of this installation, and says
// what of that is not there.
func (p *Director) inspect(ctx context.Context, things []ledger.Thing) (gone []ledger.Thing, err error) {
	return p.Possessions().Judge(ctx, things, false)
}

// checkSilence wants nobody to answer where the director is about to be made, but on a
// stack of this run, where nobody was before.
func (p *Director) checkSilence(ctx context.Context) error {
	if p.infrastructure.created {
		return nil
	}
	return p.Known().CheckSilence(ctx, p.environmentFolder(), p.Reach().Director().URL, p.Answers)
}

// broken says whether a director that is to be repaired does not answer as it is.
func (p *Director) broken(ctx context.Context, d run.Director) bool {
	if !p.changes {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, access.Looking)
	defer cancel()
	_, err := d.Stemcells(ctx)
	return err != nil
}
