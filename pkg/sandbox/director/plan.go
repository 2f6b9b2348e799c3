package director

import (
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/artifact"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/config"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/document"
)

// plan is a manifest, checked and with what it names found.
type plan struct {
	document       document.Mapping // with versions resolved
	text           string           // as submitted
	cloud, runtime []*config.Config
	releases       []*artifact.Release
	stemcells      []*artifact.Stemcell
	groups         []*group
}

// newPlan checks a manifest in the order in which the director does: the
// first error is the one that clients see.
func newPlan(stock *artifact.Stock, doc document.Mapping, text string, cloud, runtime []*config.Config, limits limits) (*plan, error) {
	stock.Lock()
	defer stock.Unlock()
	resolved, err := resolve(stock, doc)
	if err != nil {
		return nil, err
	}
	p := &plan{document: resolved, text: text, cloud: cloud, runtime: runtime}
	iaas := mergedCloud(cloud)
	if err := api.Need(iaas, "networks", "compilation"); err != nil {
		return nil, err
	}
	all := whole(resolved, cloud, runtime)
	if err := api.Need(resolved, "releases", "update", "instance_groups"); err != nil {
		return nil, err
	}
	stemcells := map[string]*artifact.Stemcell{}
	for _, m := range resolved.Maps("stemcells") {
		if err := api.Need(m, "alias", "version"); err != nil {
			return nil, err
		}
	}
	for _, m := range resolved.Maps("instance_groups") {
		g, err := newGroup(m, resolved, iaas, limits)
		if err != nil {
			return nil, err
		}
		p.groups = append(p.groups, g)
	}
	for _, m := range resolved.Maps("stemcells") {
		s, err := stock.ExactStemcell(m)
		if err != nil {
			return nil, err
		}
		stemcells[m.Text("alias")] = s
		p.stemcells = append(p.stemcells, s)
	}
	for _, m := range all.Maps("releases") {
		r := stock.FindRelease(m.Text("name"), m.Text("version"))
		if r == nil {
			return nil, api.NewFailure(30006, "Release version '%s/%s' doesn't exist", m.Text("name"), m.Text("version"))
		}
		if !slices.Contains(p.releases, r) {
			p.releases = append(p.releases, r)
		}
	}
	for i, m := range resolved.Maps("instance_groups") {
		if err := p.groups[i].bind(m, all, stemcells, p.releases); err != nil {
			return nil, err
		}
	}
	if err := p.checkPackages(); err != nil {
		return nil, err
	}
	return p, nil
}
