package bootstrap

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/selection"
	"github.com/perpetual-ci/perpetual/pkg/component"
)

// lookUp finds where the components of a set of the record are fetched from, and their
// digests.
func (r *work) lookUp(ctx context.Context, set []component.Component) ([]component.Component, error) {
	return selection.LookUp(ctx, set, r.Record.Components, r.Source(), r.Components)
}

// downgrade says which lower versions this run takes.
func (r *work) downgrade() selection.Downgrade {
	return selection.Downgrade{Deployed: r.mayRun(), Allowed: r.Options.AllowDowngrade, LookUp: r.lookUp, Warn: r.Progress.Warn}
}

// checkImages wants light stemcells to have an image in the region.
func (r *work) checkImages(ctx context.Context) error {
	if r.Elsewhere() || r.Images == nil {
		return nil
	}
	return selection.CheckImages(ctx, r.Set, r.Config.AWS.Region, func(ctx context.Context, c component.Component) (map[string]string, error) {
		return r.Images(ctx, r.Source(), c)
	})
}
