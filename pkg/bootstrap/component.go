package bootstrap

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/database"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/selection"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

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
