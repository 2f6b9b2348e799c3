// Package plan is what a manifest asks a simulated director for, with its configs: checked in
// the order and with the words of a real one, and with every version found.
package plan

import (
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/artifact"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/config"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/document"
)

// Plan is a manifest, checked and with what it names found.
type Plan struct {
	Document       document.Mapping // with versions resolved
	Text           string           // as submitted
	Cloud, Runtime []*config.Config
	Releases       []*artifact.Release
	Stemcells      []*artifact.Stemcell
	Groups         []*Group
}

// New checks a manifest in the order in which the director does: the
// first error is the one that clients see.
func New(stock *artifact.Stock, doc document.Mapping, text string, cloud, runtime []*config.Config, limits Limits) (*Plan, error) {
	stock.Lock()
	defer stock.Unlock()
	resolved, err := Resolve(stock, doc)
	if err != nil {
		return nil, err
	}
	p := &Plan{Document: resolved, Text: text, Cloud: cloud, Runtime: runtime}
	iaas := mergedCloud(cloud)
	if err := api.Need(iaas, "networks", "compilation"); err != nil {
		return nil, err
	}
	all := Whole(resolved, cloud, runtime)
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
		p.Groups = append(p.Groups, g)
	}
	for _, m := range resolved.Maps("stemcells") {
		s, err := stock.ExactStemcell(m)
		if err != nil {
			return nil, err
		}
		stemcells[m.Text("alias")] = s
		p.Stemcells = append(p.Stemcells, s)
	}
	for _, m := range all.Maps("releases") {
		r := stock.FindRelease(m.Text("name"), m.Text("version"))
		if r == nil {
			return nil, api.NewFailure(30006, "Release version '%s/%s' doesn't exist", m.Text("name"), m.Text("version"))
		}
		if !slices.Contains(p.Releases, r) {
			p.Releases = append(p.Releases, r)
		}
	}
	for i, m := range resolved.Maps("instance_groups") {
		if err := p.Groups[i].bind(m, all, stemcells, p.Releases); err != nil {
			return nil, err
		}
	}
	if err := p.checkPackages(); err != nil {
		return nil, err
	}
	return p, nil
}
