package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/environment"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/upgrade"
)

// request is what create-env is given: a manifest that still has its placeholders,
// and their values.
func (r *run) request() (EnvironmentRequest, error) {
	in, err := r.input()
	if err != nil {
		return EnvironmentRequest{}, err
	}
	t, err := environment.Director(in)
	if err != nil {
		return EnvironmentRequest{}, err
	}
	text, vars, err := environment.Split(t)
	if err != nil {
		return EnvironmentRequest{}, fmt.Errorf("render the director's manifest: %w", err)
	}
	var transient []string
	for name := range vars {
		if strings.HasPrefix(name, environment.InstallerPrefix) {
			transient = append(transient, name)
		}
	}
	return EnvironmentRequest{Store: r.store, Manifest: text, Vars: vars, Transient: transient, Recreate: r.options.Recreate}, nil
}

// convergeDirector makes the director's VM as wanted.
func (r *run) convergeDirector(ctx context.Context) (Outcome, error) {
	if r.config.AWS == nil {
		return r.lookAtDirector(ctx)
	}
	request, err := r.request()
	if err != nil {
		return Outcome{}, err
	}
	made, err := r.Env.Create(ctx, request, func(line string) { r.note(stepDirector, "%s", line) })
	if err != nil {
		return Outcome{}, err
	}
	if !made {
		return upToDate("the director at %s", r.access().URL)
	}
	return changed("the director runs at %s", r.access().URL)
}

// lookAtDirector wants a director that exists to answer.
func (r *run) lookAtDirector(ctx context.Context) (Outcome, error) {
	d, done, err := r.Director(r.access())
	if err != nil {
		return Outcome{}, err
	}
	defer done()
	if _, err := d.Stemcells(ctx); err != nil {
		return Outcome{}, fmt.Errorf("ask the director: %w", err)
	}
	return upToDate("the director at %s answers", r.access().URL)
}

// access is how this run reaches the director: from inside by its private address.
func (r *run) access() resource.Director {
	if r.config.AWS == nil {
		d := r.config.Director
		return resource.Director{URL: d.URL, CACert: d.CACert, Client: d.Client, ClientSecret: d.ClientSecret}
	}
	host := r.infra.DirectorAddress
	if r.options.Self || host == "" {
		host = r.infra.DirectorIP
	}
	a := environment.DirectorAccess(host, r.credentials)
	return resource.Director{URL: a.URL, CACert: a.CACert, Username: a.Username, Password: a.Password}
}

// deleteDirector deletes the director's VM, its disk and its stemcell.
func (r *run) deleteDirector(ctx context.Context) (Outcome, error) {
	if r.config.AWS == nil || r.record.Infrastructure == nil {
		return skipped("none was made")
	}
	request, err := r.request()
	if err != nil {
		return Outcome{}, err
	}
	names, err := r.store.List(ctx, "environment/")
	if err != nil {
		return Outcome{}, err
	}
	if len(names) == 0 {
		return skipped("none was made")
	}
	if err := r.Env.Delete(ctx, request, func(line string) { r.note(stepDirector, "%s", line) }); err != nil {
		return Outcome{}, err
	}
	return changed("the director, its disk and its stemcell were deleted")
}

// deleteDeployment has the director delete every VM that it has made.
func (r *run) deleteDeployment(ctx context.Context) (Outcome, error) {
	if r.config.AWS != nil && (r.record.Infrastructure == nil || !r.did(stepDirector)) {
		return skipped("no director was made")
	}
	d, done, err := r.Director(r.access())
	if err != nil {
		return Outcome{}, err
	}
	defer done()
	task, err := d.DeleteDeployment(ctx, r.deploymentName(), "perpetual-destroy-"+r.Name)
	switch {
	case isNotFound(err):
		return upToDate("no deployment %s on the director", r.deploymentName())
	case err != nil:
		return Outcome{}, fmt.Errorf("%w; its VMs would be left over if the director went first: run deploy, which mends the director, and then destroy again", err)
	}
	r.note(stepDeploy, "director task %d deletes deployment %s", task, r.deploymentName())
	ended, err := d.Wait(ctx, task, r.event(stepDeploy))
	if err != nil {
		return Outcome{}, fmt.Errorf("wait for director task %d, which keeps running: %w", task, err)
	}
	if ended.State != "done" {
		return Outcome{}, fmt.Errorf("director task %d, the deletion of %s, ended as %s: %s", task, r.deploymentName(), ended.State, strings.TrimSpace(ended.Result))
	}
	return changed("deployment %s and its VMs were deleted", r.deploymentName())
}

// did says whether a step has ever changed something.
func (r *run) did(name string) bool {
	for _, s := range r.record.Steps {
		if s.Step == name {
			return true
		}
	}
	return false
}

func isNotFound(err error) bool {
	return errors.Is(err, ErrNotFound) || errors.Is(err, upgrade.ErrNotFound)
}

// deploymentName is that of Concourse on the director.
func (r *run) deploymentName() string { return environment.Deployment }
