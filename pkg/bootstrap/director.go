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
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/createenv"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

// request is what create-env is given. The keys are as fresh as they can be: those of a
// session end.
func (r *run) request(ctx context.Context) (createenv.Request, error) {
	var err error
	if r.keys, err = r.Account.Keys(ctx); err != nil {
		return createenv.Request{}, fmt.Errorf("keys for the director's CPI: %w", err)
	}
	r.Mask(r.keys.SecretKey, r.keys.SessionToken)
	in, err := r.input()
	if err != nil {
		return createenv.Request{}, err
	}
	request, err := environment.Request(in)
	if err != nil {
		return createenv.Request{}, err
	}
	request.Recreate = r.options.Recreate
	if !r.kept.Keys.Inside() { // the pipeline's role reaches nothing else
		request.Inspect = r.inspect
	}
	return request, nil
}

// compareDirector compares the director's VM with the wanted one.
func (r *run) compareDirector(ctx context.Context) (step.Comparison, error) {
	switch {
	case r.elsewhere():
		return r.lookAtDirector(ctx)
	case r.bare():
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
	return step.Same("the director at %s", r.access().URL), nil
}

// convergeDirector makes the director's VM as wanted. create-env compares by itself what
// it is given, in the same way.
func (r *run) convergeDirector(ctx context.Context) (step.Outcome, error) {
	if r.elsewhere() {
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
	r.record.Director = true
	if r.record.DirectorVersions, err = r.directorVersions(); err != nil {
		return step.Outcome{}, err
	}
	if err := r.saveRecord(ctx); err != nil {
		return step.Outcome{}, err
	}
	made, err := r.environment().Create(ctx, request)
	if err != nil {
		return step.Outcome{}, err
	}
	r.made = r.made || made
	if !made {
		return step.UpToDate.Report("the director at %s", r.access().URL)
	}
	return step.Changed.Report("the director runs at %s", r.access().URL)
}

// lookAtDirector wants a director that exists to answer.
func (r *run) lookAtDirector(ctx context.Context) (step.Comparison, error) {
	d, done, err := r.Director(r.access())
	if err != nil {
		return step.Comparison{}, err
	}
	defer done()
	if _, err := d.Stemcells(ctx); err != nil {
		return step.Comparison{}, fmt.Errorf("ask the director: %w", err)
	}
	return step.Same("the director at %s answers", r.access().URL), nil
}

// answers says whether a director that is to be repaired answers as it is.
func (r *run) answers(ctx context.Context, d Director) bool {
	ctx, cancel := context.WithTimeout(ctx, access.Looking)
	defer cancel()
	_, err := d.Stemcells(ctx)
	return err == nil
}

// deleteDirector deletes the director's VM, its disk and its stemcell.
func (r *run) deleteDirector(ctx context.Context) (step.Outcome, error) {
	if r.elsewhere() || r.record.Infrastructure == nil || !r.record.Director {
		return step.Skipped.Report("none was created")
	}
	request, err := r.request(ctx)
	if err != nil {
		return step.Outcome{}, err
	}
	if err := r.environment().Delete(ctx, request); err != nil {
		return step.Outcome{}, err
	}
	r.record.Director = false
	return step.Changed.Report("the director, its disk and its stemcell were deleted")
}

// deleteDeployment has the director delete every VM that it has made for us. What
// nobody here has deployed is left alone.
func (r *run) deleteDeployment(ctx context.Context) (step.Outcome, error) {
	if !r.record.Deployment {
		return step.Skipped.Report("nothing was deployed")
	}
	d, done, err := r.Director(r.access())
	if err != nil {
		return step.Outcome{}, err
	}
	defer done()
	gone := deletion.Deployment{
		Director: d, Name: r.deploymentName(), ContextID: "perpetual-destroy-" + r.Name, CleansUp: !r.elsewhere(), Note: r.noteOf(step.Deploy),
	}
	task, err := gone.Submit(ctx)
	if errors.Is(err, bosh.ErrNotFound) {
		r.record.Deployment = false
		return step.UpToDate.Report("no deployment %s on the director", r.deploymentName())
	}
	if err != nil {
		way := fmt.Sprintf("perpetual deploy %s repairs the director, or the way to it from here", r.Name)
		if r.elsewhere() {
			way = "run destroy again when the director answers"
		}
		return step.Outcome{}, fmt.Errorf("delete deployment %s: %w; nothing else was deleted, since its VMs would be left over: %s",
			r.deploymentName(), step.Because(ctx, err), way)
	}
	if err := gone.Wait(ctx, task); err != nil {
		return step.Outcome{}, err
	}
	r.record.Deployment = false
	return step.Changed.Report("deployment %s and its VMs were deleted", r.deploymentName())
}

// environment is create-env on the run's documents. A plan looks at those of an older
// release where they are.
func (r *run) environment() environment.Director {
	trim := ""
	if r.kept.Old() {
		trim = document.RunFolder
	}
	return environment.Director{Open: r.OpenEnvironment, Documents: environment.NewDocuments(r.store, trim), Note: r.noteOf(step.Director)}
}

// environmentFolder is where create-env's documents are; an older release has kept them
// outside the folder of runs.
const environmentFolder = document.RunFolder + "environment/"

// environmentFolder is below what create-env's documents are.
func (r *run) environmentFolder() string {
	if r.kept.Old() {
		return strings.TrimPrefix(environmentFolder, document.RunFolder)
	}
	return environmentFolder
}

// deploymentName is that of Concourse on the director.
func (r *run) deploymentName() string { return manifest.DeploymentName(r.config) }
