package goal

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/choice"
	"github.com/perpetual-ci/perpetual/pkg/config"
)

// findPlaces finds what the user need not say, and what the account must have.
func (g *Goal) findPlaces(ctx context.Context) error {
	if g.Elsewhere() {
		return g.findNames(ctx)
	}
	g.Record.Account, g.Record.Region = g.Identity.Account, g.Config.AWS.Region
	var err error
	if g.Subnets, err = g.Chooser().Places(ctx, g.Record.Stack || g.Record.Infrastructure != nil); err != nil {
		return err
	}
	// What was chosen is where everything is from now on.
	g.Config.AWS.Zones, g.Wanted.AWS.Zones = g.Record.Zones, g.Record.Zones
	return nil
}

// findNames completes the section cloud from the director's cloud config, so that what
// is missing there is known before anything is changed.
func (g *Goal) findNames(ctx context.Context) error {
	d, done, err := g.OpenDirector()
	if err != nil {
		return err
	}
	defer done()
	before := config.Cloud{}
	if g.Record.Cloud != nil {
		before = *g.Record.Cloud
	}
	all, problems, err := choice.Names(ctx, d, g.Reach().Director().URL, g.Wanted.Cloud, before)
	if err != nil {
		return err
	}
	if err := g.Settings().Explain(problems).Err(); err != nil {
		return err
	}
	g.Config.Cloud, g.Record.Cloud = all, choice.Found(all, g.Wanted.Cloud)
	return nil
}

// CheckRoom asks the account for what is wanted, and for room for it where nothing is
// there yet: what is there already counts as used.
func (g *Goal) CheckRoom(ctx context.Context) error {
	if err := g.findPlaces(ctx); err != nil {
		return err
	}
	if g.roomChecked || g.Options.Self || g.Elsewhere() || g.Record.Infrastructure != nil {
		return nil
	}
	g.roomChecked = true
	if stack, err := g.Site().Look(ctx); err != nil || stack.Live {
		return err
	}
	return g.Chooser().Room(ctx)
}
