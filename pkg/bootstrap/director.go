package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/access"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/deletion"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/document"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/environment"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/run"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/createenv"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// request is what create-env is given. The keys are as fresh as they can be: those of a
// session end.
func (r *work) request(ctx context.Context) (createenv.Request, error) {
	keys, err := r.Account.Keys(ctx)
	if err != nil {
		return createenv.Request{}, fmt.Errorf("keys for the director's CPI: %w", err)
	}
	r.Mask(keys.SecretKey, keys.SessionToken)
	in, err := r.Input()
	if err != nil {
		return createenv.Request{}, err
	}
	in.Installer.AccessKey, in.Installer.SecretKey, in.Installer.SessionToken = secret.New(keys.AccessKey), keys.SecretKey, keys.SessionToken
	request, err := environment.Request(in)
	if err != nil {
		return createenv.Request{}, err
	}
	request.Recreate = r.Options.Recreate
	if !r.Documents.Keys.Inside() { // the pipeline's role reaches nothing else
		request.Inspect = r.inspect
	}
	return request, nil
}

// compareDirector compares the director's VM with the wanted one.
func (r *work) compareDirector(ctx context.Context) (step.Comparison, error) {
	switch {
	case r.Elsewhere():
		return r.lookAtDirector(ctx)
	case r.Bare():
		return step.Differs(step.NotYet, r.firstOf(manifest.Director)...), nil
	}
	request, err := r.request(ctx)
	if err != nil {
		return step.Comparison{}, err
	}
	if err := r.checkSilence(ctx); err != nil {
		return step.Comparison{}, err
	}
	pending, err := r.environment().Pending(ctx, request)
	if err != nil {
		return step.Comparison{}, err
	}
	if len(pending) > 0 {
		r.repairs = true
		return step.Differs("would change", pending...), nil
	}
	return step.Same("the director at %s", r.Reach().Director().URL), nil
}

// convergeDirector makes the director's VM as wanted. create-env compares by itself what
// it is given, in the same way.
func (r *work) convergeDirector(ctx context.Context) (step.Outcome, error) {
	if r.Elsewhere() {
		c, err := r.lookAtDirector(ctx)
		return c.Outcome(), err
	}
	request, err := r.request(ctx)
	if err != nil {
		return step.Outcome{}, err
	}
	if err := r.checkSilence(ctx); err != nil {
		return step.Outcome{}, err
	}
	r.Record.Director = true
	if r.Record.DirectorVersions, err = r.directorVersions(); err != nil {
		return step.Outcome{}, err
	}
	if err := r.Save(ctx); err != nil {
		return step.Outcome{}, err
	}
	made, err := r.environment().Create(ctx, request)
	if err != nil {
		return step.Outcome{}, err
	}
	r.Made = r.Made || made
	if !made {
		return step.UpToDate.Report("the director at %s", r.Reach().Director().URL)
	}
	return step.Changed.Report("the director runs at %s", r.Reach().Director().URL)
}

// lookAtDirector wants a director that exists to answer.
func (r *work) lookAtDirector(ctx context.Context) (step.Comparison, error) {
	d, done, err := r.OpenDirector()
	if err != nil {
		return step.Comparison{}, err
	}
	defer done()
	if _, err := d.Stemcells(ctx); err != nil {
		return step.Comparison{}, fmt.Errorf("ask the director: %w", err)
	}
	return step.Same("the director at %s answers", r.Reach().Director().URL), nil
}

// answers says whether a director that is to be repaired answers as it is.
func (r *work) answers(ctx context.Context, d Director) bool {
	ctx, cancel := context.WithTimeout(ctx, access.Looking)
	defer cancel()
	_, err := d.Stemcells(ctx)
	return err == nil
}

// deleteDirector deletes the director's VM, its disk and its stemcell.
func (r *work) deleteDirector(ctx context.Context) (step.Outcome, error) {
	if r.Elsewhere() || r.Record.Infrastructure == nil || !r.Record.Director {
		return step.Skipped.Report("none was created")
	}
	request, err := r.request(ctx)
	if err != nil {
		return step.Outcome{}, err
	}
	if err := r.environment().Delete(ctx, request); err != nil {
		return step.Outcome{}, err
	}
	r.Record.Director = false
	return step.Changed.Report("the director, its disk and its stemcell were deleted")
}

// deleteDeployment has the director delete every VM that it has made for us. What
// nobody here has deployed is left alone.
func (r *work) deleteDeployment(ctx context.Context) (step.Outcome, error) {
	if !r.Record.Deployment {
		return step.Skipped.Report("nothing was deployed")
	}
	d, done, err := r.OpenDirector()
	if err != nil {
		return step.Outcome{}, err
	}
	defer done()
	gone := deletion.Deployment{
		Director: d, Name: manifest.DeploymentName(r.Config), ContextID: "perpetual-destroy-" + r.Name, CleansUp: !r.Elsewhere(), Note: r.NoteOf(step.Deploy),
	}
	task, err := gone.Submit(ctx)
	if errors.Is(err, bosh.ErrNotFound) {
		r.Record.Deployment = false
		return step.UpToDate.Report("no deployment %s on the director", manifest.DeploymentName(r.Config))
	}
	if err != nil {
		way := fmt.Sprintf("perpetual deploy %s repairs the director, or the way to it from here", r.Name)
		if r.Elsewhere() {
			way = "run destroy again when the director answers"
		}
		return step.Outcome{}, fmt.Errorf("delete deployment %s: %w; nothing else was deleted, since its VMs would be left over: %s",
			manifest.DeploymentName(r.Config), step.Because(ctx, err), way)
	}
	if err := gone.Wait(ctx, task); err != nil {
		return step.Outcome{}, err
	}
	r.Record.Deployment = false
	return step.Changed.Report("deployment %s and its VMs were deleted", manifest.DeploymentName(r.Config))
}

// environment is create-env on the run's documents. A plan looks at those of an older
// release where they are.
func (r *work) environment() environment.Director {
	trim := ""
	if r.Documents.Old() {
		trim = document.RunFolder
	}
	return environment.Director{Open: r.OpenEnvironment, Documents: environment.NewDocuments(r.Store, trim), Note: r.NoteOf(step.Director)}
}

// environmentFolder is below what create-env's documents are.
func (r *work) environmentFolder() string {
	if r.Documents.Old() {
		return strings.TrimPrefix(run.EnvironmentFolder, document.RunFolder)
	}
	return run.EnvironmentFolder
}
