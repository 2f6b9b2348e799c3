package bootstrap

import (
	"context"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/database"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/selection"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/upstream"
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
				c.Kind, c.Upstream = upstream.Of(w)
			}
			(*set)[i] = c
		}
	}
}

// watch is the source that finds the component set.
func (r *run) watch() resource.Source {
	return selection.Wanted{Config: r.config, Program: r.Program, AllowUnsigned: r.options.AllowUnsigned, Postgres: !database.Service(r.config)}.Source()
}

// lookUp finds where the components of a set of the record are fetched from, and their
// digests.
func (r *run) lookUp(ctx context.Context, set []component.Component) ([]component.Component, error) {
	return selection.LookUp(ctx, set, r.record.Components, r.watch(), r.Components)
}

// downgrade says which lower versions this run takes.
func (r *run) downgrade() selection.Downgrade {
	return selection.Downgrade{Deployed: r.mayRun(), Allowed: r.options.AllowDowngrade, LookUp: r.lookUp, Warn: r.Progress.Warn}
}

// checkImages wants light stemcells to have an image in the region.
func (r *run) checkImages(ctx context.Context) error {
	if r.elsewhere() || r.Images == nil {
		return nil
	}
	return selection.CheckImages(ctx, r.set, r.config.AWS.Region, func(ctx context.Context, c component.Component) (map[string]string, error) {
		return r.Images(ctx, r.watch(), c)
	})
}
