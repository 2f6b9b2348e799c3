package deployment

import (
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/plan"
)

// Hold adds the plan's releases and stemcells to those of the deployment. The caller holds the lock.
func (dep *Deployment) Hold(p *plan.Plan) {
	for _, r := range p.Releases {
		if !slices.Contains(dep.releases, r) {
			dep.releases = append(dep.releases, r)
		}
	}
	for _, s := range p.Stemcells {
		if !slices.Contains(dep.stemcells, s) {
			dep.stemcells = append(dep.stemcells, s)
		}
	}
}

// Become makes a deployment what a plan says. The caller holds the lock.
func (dep *Deployment) Become(p *plan.Plan) {
	dep.Manifest, dep.Text, dep.Cloud, dep.Runtime = p.Document, p.Text, p.Cloud, p.Runtime
	dep.releases, dep.stemcells, dep.errands = p.Releases, p.Stemcells, nil
	for _, g := range p.Groups {
		dep.errands = append(dep.errands, g.Errands...)
		if g.Errand {
			dep.errands = append(dep.errands, g.Name)
		}
	}
	slices.Sort(dep.errands)
	dep.errands = slices.Compact(dep.errands)
}
