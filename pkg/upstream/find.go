package upstream

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// Find gives the components of a version, by name, and those of the newest set
// when the version is empty. It fails, naming the component, when one is not
// there: never a half set.
func (s Set) Find(ctx context.Context, source resource.Source, version resource.Version) ([]component.Component, error) {
	if len(version) == 0 {
		versions, err := s.Check(ctx, source, nil)
		if err != nil {
			return nil, err
		}
		version = versions[len(versions)-1]
	}
	offers, err := s.resolve(ctx, resource.InRequest{Source: source, Version: version})
	if err != nil {
		return nil, err
	}
	set := make([]component.Component, len(offers))
	for i, o := range offers {
		set[i] = o.Described()
	}
	return set, nil
}
