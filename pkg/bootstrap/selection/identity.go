package selection

import (
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/upstream"
)

// Identify says of the sets of a record what they are of: it keeps their names and versions
// alone. The components that the record knows say it, else what is watched.
func Identify(known *record.Record, source resource.Source) {
	for _, set := range []record.Members{known.Desired, known.Submitted, known.Applied} {
		for i := range set {
			c := &set[i]
			if c.Kind != "" {
				continue
			}
			at := slices.IndexFunc(known.Components, func(k component.Component) bool { return k.Name == c.Name })
			if at >= 0 {
				c.Kind, c.Upstream = known.Components[at].Kind, known.Components[at].Upstream
			} else if w, watched := source.Watch[c.Name]; watched {
				c.Kind, c.Upstream = upstream.Of(w)
			}
		}
	}
}
