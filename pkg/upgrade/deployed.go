package upgrade

import (
	"github.com/perpetual-ci/perpetual/pkg/inventory"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

// parse reads the deployed manifest. The director keeps it as it was submitted, with
// "latest" in it, and knows which versions that has meant.
func (d Deployed) parse() (manifest.Deployment, error) {
	parsed, err := manifest.Parse(manifest.File{Name: "the deployed manifest", Text: d.Manifest})
	if err != nil {
		return parsed, err
	}
	resolved := inventory.Resolve(inventory.Of(parsed), d.Releases, d.stemcells())
	for _, w := range resolved {
		for i, r := range parsed.Releases {
			if !w.Stemcell && r.Name == w.Name && w.Latest() {
				parsed.Releases[i].Version = w.Version
			}
		}
		for i, s := range parsed.Stemcells {
			if w.Stemcell && s.Name == w.Name && s.OS == w.OS && s.Version == w.Asked && w.Latest() {
				parsed.Stemcells[i].Version = w.Version
			}
		}
	}
	return parsed, nil
}

// stemcells are those of the deployment; the director does not say their OS there.
func (d Deployed) stemcells() []Stemcell {
	list := make([]Stemcell, len(d.Stemcells))
	for i, s := range d.Stemcells {
		list[i] = Stemcell{Name: s.Name, Version: s.Version}
	}
	return list
}

// version is that of a release of the rendered manifest, resolved; "" for none.
func (r *run) version(release string) string {
	for _, w := range r.wanted {
		if !w.Stemcell && w.Name == release {
			return w.Version
		}
	}
	return ""
}
