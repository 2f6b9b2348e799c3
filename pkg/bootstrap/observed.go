package bootstrap

import (
	"context"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/upgrade"
)

// observed is a director whose changes are noted.
type observed struct {
	Director
	changes  []string
	before   func() error // a deploy is submitted
	task     int          // the deploy that was submitted last
	touched  bool         // a deploy of this run has got beyond its preparation
	refused  bool         // the last deploy has failed without that, and not for a lock
	deployed []byte       // the manifest before
}

// Deployment implements upgrade.Director.
func (o *observed) Deployment(ctx context.Context, name string) (bosh.Deployment, error) {
	deployed, err := o.Director.Deployment(ctx, name)
	o.deployed = deployed.Manifest
	return deployed, err
}

// preparation is the first stage of a deploy. The director finds out in it whether the
// manifest goes with the configs, and whether its templates can be rendered.
const preparation = "Preparing deployment"

// Deploy implements upgrade.Director.
func (o *observed) Deploy(ctx context.Context, text []byte, options bosh.DeployOptions) (int, error) {
	if err := o.before(); err != nil {
		return 0, err
	}
	task, err := o.Director.Deploy(ctx, text, options)
	o.task, o.refused = task, false
	return task, err
}

// Wait implements upgrade.Director.
func (o *observed) Wait(ctx context.Context, id int, report func(bosh.Event)) (bosh.Task, error) {
	task, err := o.Director.Wait(ctx, id, report)
	if err != nil || id != o.task {
		return task, err
	}
	events, unread := o.Director.Events(ctx, id)
	o.touched = o.touched || unread != nil || task.State != bosh.StateError ||
		slices.ContainsFunc(events, func(e bosh.Event) bool { return e.Stage != "" && e.Stage != preparation })
	o.refused = !o.touched && !strings.HasPrefix(task.Result, "Failed to acquire lock")
	return task, err
}

// SetCloudConfig implements upgrade.Director.
func (o *observed) SetCloudConfig(ctx context.Context, content []byte, dryRun bool, tell func(string)) (bool, error) {
	differs, err := o.Director.SetCloudConfig(ctx, content, dryRun, tell)
	if err == nil && differs {
		o.changes = append(o.changes, "cloud config updated")
	}
	return differs, err
}

// Upload implements upgrade.Director.
func (o *observed) Upload(ctx context.Context, a upgrade.Artifact) (int, error) {
	task, err := o.Director.Upload(ctx, a)
	if err == nil {
		o.changes = append(o.changes, a.Name+"/"+a.Version+" uploaded")
	}
	return task, err
}
