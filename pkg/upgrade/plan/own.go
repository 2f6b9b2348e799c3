package plan

import (
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// ownComponent is what the bundled pipeline calls this program in a component set.
const ownComponent = resource.ProgramComponent

// OwnTag is the bundled pipeline's variable for the image of this program: a digest, or a
// version.
const OwnTag = "perpetual_image_tag"

// NewerPerpetual is the version of this program in the set, if it is newer than what runs,
// and the tag or digest of its image.
func (p *Plan) NewerPerpetual() (version, tag string) {
	for _, c := range p.Request.Input.Components {
		if c.Name == ownComponent && c.Kind == component.KindGitHub && p.Program != "" && component.Lower(p.Program, c.Version) {
			return c.Version, c.ImageTag()
		}
	}
	return "", ""
}
