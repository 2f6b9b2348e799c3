package director

import "slices"

// hold adds the plan's releases and stemcells to those of the deployment. The caller holds the lock.
func (dep *deployment) hold(p *plan) {
	for _, r := range p.releases {
		if !slices.Contains(dep.releases, r) {
			dep.releases = append(dep.releases, r)
		}
	}
	for _, s := range p.stemcells {
		if !slices.Contains(dep.stemcells, s) {
			dep.stemcells = append(dep.stemcells, s)
		}
	}
}

// become makes a deployment what a plan says. The caller holds the lock.
func (dep *deployment) become(p *plan) {
	dep.manifest, dep.text, dep.cloud, dep.runtime = p.document, p.text, p.cloud, p.runtime
	dep.releases, dep.stemcells, dep.errands = p.releases, p.stemcells, nil
	for _, g := range p.groups {
		dep.errands = append(dep.errands, g.errands...)
		if g.errand {
			dep.errands = append(dep.errands, g.name)
		}
	}
	slices.Sort(dep.errands)
	dep.errands = slices.Compact(dep.errands)
}
