package director

import (
	"slices"
)

// plan is a manifest, checked and with what it names found.
type plan struct {
	document       mapping // with versions resolved
	text           string  // as submitted
	cloud, runtime []*config
	releases       []*release
	stemcells      []*stemcell
	groups         []*group
}

// newPlan checks a manifest in the order in which the director does: the
// first error is the one that clients see.
func newPlan(stock *stock, document mapping, text string, cloud, runtime []*config, limits limits) (*plan, error) {
	stock.Lock()
	defer stock.Unlock()
	resolved, err := resolve(stock, document)
	if err != nil {
		return nil, err
	}
	p := &plan{document: resolved, text: text, cloud: cloud, runtime: runtime}
	iaas := mergedCloud(cloud)
	if err := need(iaas, "networks", "compilation"); err != nil {
		return nil, err
	}
	all := whole(resolved, cloud, runtime)
	if err := need(resolved, "releases", "update", "instance_groups"); err != nil {
		return nil, err
	}
	stemcells := map[string]*stemcell{}
	for _, m := range resolved.maps("stemcells") {
		if err := need(m, "alias", "version"); err != nil {
			return nil, err
		}
	}
	for _, m := range resolved.maps("instance_groups") {
		g, err := newGroup(m, resolved, iaas, limits)
		if err != nil {
			return nil, err
		}
		p.groups = append(p.groups, g)
	}
	for _, m := range resolved.maps("stemcells") {
		s, err := stock.exactStemcell(m)
		if err != nil {
			return nil, err
		}
		stemcells[m.text("alias")] = s
		p.stemcells = append(p.stemcells, s)
	}
	for _, m := range all.maps("releases") {
		r := stock.findRelease(m.text("name"), m.text("version"))
		if r == nil {
			return nil, failure(30006, "Release version '%s/%s' doesn't exist", m.text("name"), m.text("version"))
		}
		if !slices.Contains(p.releases, r) {
			p.releases = append(p.releases, r)
		}
	}
	for i, m := range resolved.maps("instance_groups") {
		if err := p.groups[i].bind(m, all, stemcells, p.releases); err != nil {
			return nil, err
		}
	}
	if err := p.checkPackages(); err != nil {
		return nil, err
	}
	return p, nil
}
