package goal

import (
	"context"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/selection"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/component"
)

// CompareComponents chooses the component set; what is deployed of it is another step's.
func (g *Goal) CompareComponents(ctx context.Context) (step.Comparison, error) {
	before := slices.Clone(g.Record.Desired)
	if err := g.chooseComponents(ctx); err != nil {
		return step.Comparison{}, err
	}
	c := step.Same("%s", selection.Describe(g.Set))
	c.Done = true // it is chosen; the next steps take it from the record
	c.Changes, c.Lines = selection.Describe(before) != selection.Describe(g.Set), selection.Lines(before, g.Set)
	return c, nil
}

// chooseComponents takes the set that a pipeline has fetched, the one of the last
// run, or the newest that the constraints allow. It goes back with nothing.
func (g *Goal) chooseComponents(ctx context.Context) error {
	before, newest := []component.Component(g.Record.Desired), false
	if g.Elsewhere() && !g.Options.Upgrade {
		if err := selection.CheckStemcell(g.Config.Cloud.Stemcell, before); err != nil {
			return err
		}
	}
	switch {
	case len(g.Options.Components) > 0:
		g.Set = g.Options.Components
	case len(before) > 0 && !g.Options.Upgrade:
		var err error
		if g.Set, err = g.lookUp(ctx, before); err != nil {
			return err
		}
	default:
		var err error
		newest = true
		if g.Set, err = g.Components(ctx, g.Source(), nil); err != nil {
			return err
		}
	}
	if err := selection.CheckImage(g.Config, g.Set); err != nil {
		return err
	}
	var err error
	if g.Set, err = g.downgrade().Without(ctx, g.Set, newest); err != nil {
		return err
	}
	if err := g.checkQuiet(ctx); err != nil {
		return err
	}
	if err := g.checkDirector(ctx); err != nil {
		return err
	}
	if selection.Describe(before) != selection.Describe(g.Set) {
		if err := g.database().CheckSet(before, g.Set); err != nil {
			return err
		}
		if err := g.checkImages(ctx); err != nil {
			return err
		}
	}
	g.Record.Desired, g.Record.Components = g.Set, g.Set
	return nil
}

// lookUp finds where the components of a set of the record are fetched from, and their
// digests.
func (g *Goal) lookUp(ctx context.Context, set []component.Component) ([]component.Component, error) {
	return selection.LookUp(ctx, set, g.Record.Components, g.Source(), g.Components)
}

// downgrade says which lower versions this run takes.
func (g *Goal) downgrade() selection.Downgrade {
	return selection.Downgrade{Deployed: g.mayRun(), Allowed: g.Options.AllowDowngrade, LookUp: g.lookUp, Warn: g.Progress.Warn}
}

// checkImages wants light stemcells to have an image in the region.
func (g *Goal) checkImages(ctx context.Context) error {
	if g.Elsewhere() || g.Images == nil {
		return nil
	}
	return selection.CheckImages(ctx, g.Set, g.Config.AWS.Region, func(ctx context.Context, c component.Component) (map[string]string, error) {
		return g.Images(ctx, g.Source(), c)
	})
}
