package bootstrap

import (
	"context"
	"fmt"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// identify says of the sets of the record what they are of: the record has names and
// versions alone.
func (r *run) identify() {
	watched := r.watch().Watch
	for _, set := range []*record.Members{&r.record.Desired, &r.record.Submitted, &r.record.Applied} {
		for i, c := range *set {
			if c.Kind != "" {
				continue
			}
			known := slices.IndexFunc(r.record.Components, func(k component.Component) bool { return k.Name == c.Name })
			w, is := watched[c.Name]
			switch {
			case known >= 0:
				c.Kind, c.Upstream = r.record.Components[known].Kind, r.record.Components[known].Upstream
			case is:
				c.Kind, c.Upstream = component.Of(w)
			}
			(*set)[i] = c
		}
	}
}

// lookUp finds where the components of a set of the record are fetched from, and their
// digests: those of the last deploy by hand are known, and the upstreams say the others.
func (r *run) lookUp(ctx context.Context, set []component.Component) ([]component.Component, error) {
	whole, source, version := slices.Clone(set), r.watch(), resource.Version{}
	for i, c := range set {
		known := slices.IndexFunc(r.record.Components, func(k component.Component) bool {
			return k.Name == c.Name && k.Version == c.Version && k.Kind == c.Kind && k.Upstream == c.Upstream
		})
		if known >= 0 {
			whole[i] = r.record.Components[known]
			continue
		}
		if _, watched := source.Watch[c.Name]; !watched {
			return nil, fmt.Errorf("find %s %s, which was deployed last: nothing says where it comes from any more; nothing was deployed: take the newest versions with --upgrade", c.Name, c.Version)
		}
		version[c.Name] = c.Version
	}
	if len(version) == 0 {
		return whole, nil
	}
	for name := range source.Watch {
		if version[name] == "" {
			delete(source.Watch, name)
		}
	}
	found, err := r.Components(ctx, source, version)
	if err != nil {
		return nil, fmt.Errorf("find again what was deployed last: %w", err)
	}
	for i, c := range set {
		if version[c.Name] == "" {
			continue
		}
		at := slices.IndexFunc(found, func(f component.Component) bool { return f.Name == c.Name && f.Version == c.Version })
		if at < 0 {
			return nil, fmt.Errorf("find %s %s, which was deployed last: its upstream does not have it; nothing was deployed: take the newest versions with --upgrade", c.Name, c.Version)
		}
		whole[i] = found[at]
	}
	return whole, nil
}
