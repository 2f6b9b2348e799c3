package inventory

import (
	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/deployment"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// Deployed reads the manifest of a deployment. The director keeps it as it was
// submitted, with "latest" in it, and knows which versions that has meant. It fails when
// the manifest is not valid YAML.
func Deployed(d bosh.Deployment) (deployment.Deployment, error) {
	parsed, err := deployment.Parse(template.File{Name: "the deployed manifest", Text: d.Manifest})
	if err != nil {
		return parsed, err
	}
	for _, w := range Resolve(Of(parsed), d.Releases, d.Stemcells) {
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
