package director

import "context"

// scripts are what tests do while a deploy does something.
type scripts struct {
	Drain          func(ctx context.Context, u Update) error
	UpdateInstance func(ctx context.Context, u Update) error
	PostStart      func(ctx context.Context, u Update) error
	NewDeployment  func(name string)
}

// deployer makes deployments what manifests say.
type deployer struct {
	*store
	user        string // whose a lost task is
	queue       *queue
	configs     *configs
	stock       *stock
	deployments *deployments
	hooks       scripts
	compiled    map[string]bool // packages by fingerprint and stemcell
	faults      []*instanceFault
}

// newDeployer makes a deployer to which nothing has happened.
func newDeployer(s *store, user string, q *queue, configs *configs, stock *stock, deployments *deployments, hooks scripts) *deployer {
	return &deployer{
		store: s, user: user, queue: q, configs: configs, stock: stock, deployments: deployments, hooks: hooks, compiled: map[string]bool{},
	}
}

// routes are those that change deployments.
func (d *deployer) routes() []route {
	return []route{
		{method: "POST", path: "/deployments", needs: needsTeam, consumes: consumesYAML, handle: d.postDeployment},
		{method: "DELETE", path: "/deployments/:deployment", needs: needsDeployment, handle: d.deleteDeployment},
		{method: "POST", path: "/deployments/:deployment/diff", needs: needsDiff, consumes: consumesYAML, handle: d.diffDeployment},
		{method: "PUT", path: "/deployments/:deployment/jobs/:group", needs: needsDeployment, consumes: consumesYAML, handle: d.putJobs},
		{method: "PUT", path: "/deployments/:deployment/jobs/:group/:index", needs: needsDeployment, consumes: consumesYAML, handle: d.putJobs},
	}
}
