// Package deploy makes the deployments of a simulated director what manifests say, in the
// stages and with the failures of a real one.
package deploy

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/artifact"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/config"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/deployment"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/store"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/task"
)

// Scripts are what tests do while a deploy does something.
type Scripts struct {
	Drain          func(ctx context.Context, u deployment.Update) error
	UpdateInstance func(ctx context.Context, u deployment.Update) error
	PostStart      func(ctx context.Context, u deployment.Update) error
	NewDeployment  func(name string)
}

// Deployer makes deployments what manifests say.
type Deployer struct {
	*store.Store
	user        string // whose a lost task is
	queue       *task.Queue
	configs     *config.Table
	stock       *artifact.Stock
	deployments *deployment.Table
	hooks       Scripts
	compiled    map[string]bool // packages by fingerprint and stemcell
	faults      []*instanceFault
}

// New makes a deployer to which nothing has happened.
func New(s *store.Store, user string, q *task.Queue, configs *config.Table, stock *artifact.Stock, deployments *deployment.Table, hooks Scripts) *Deployer {
	return &Deployer{
		Store: s, user: user, queue: q, configs: configs, stock: stock, deployments: deployments, hooks: hooks, compiled: map[string]bool{},
	}
}

// Routes are those that change deployments.
func (d *Deployer) Routes() []api.Route {
	return []api.Route{
		{Method: "POST", Path: "/deployments", Needs: api.NeedsTeam, Consumes: api.ConsumesYAML, Handle: d.postDeployment},
		{Method: "DELETE", Path: "/deployments/:deployment", Needs: api.NeedsDeployment, Handle: d.deleteDeployment},
		{Method: "POST", Path: "/deployments/:deployment/diff", Needs: api.NeedsDiff, Consumes: api.ConsumesYAML, Handle: d.diffDeployment},
		{Method: "PUT", Path: "/deployments/:deployment/jobs/:group", Needs: api.NeedsDeployment, Consumes: api.ConsumesYAML, Handle: d.putJobs},
		{Method: "PUT", Path: "/deployments/:deployment/jobs/:group/:index", Needs: api.NeedsDeployment, Consumes: api.ConsumesYAML, Handle: d.putJobs},
	}
}
