package bootstrap

import (
	"context"
	"maps"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/choice"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/possession"
	"github.com/perpetual-ci/perpetual/pkg/config"
)

// findPlaces finds what the user need not say, and what the account must have.
func (r *work) findPlaces(ctx context.Context) error {
	if r.Elsewhere() {
		return r.findNames(ctx)
	}
	r.Record.Account, r.Record.Region = r.Identity.Account, r.Config.AWS.Region
	var err error
	if r.subnets, err = r.Chooser().Places(ctx, r.Record.Stack || r.Record.Infrastructure != nil); err != nil {
		return err
	}
	// What was chosen is where everything is from now on.
	r.Config.AWS.Zones, r.Wanted.AWS.Zones = r.Record.Zones, r.Record.Zones
	return nil
}

// findNames completes the section cloud from the director's cloud config, so that what
// is missing there is known before anything is changed.
func (r *work) findNames(ctx context.Context) error {
	d, done, err := r.OpenDirector()
	if err != nil {
		return err
	}
	defer done()
	before := config.Cloud{}
	if r.Record.Cloud != nil {
		before = *r.Record.Cloud
	}
	all, problems, err := choice.Names(ctx, d, r.Reach().Director().URL, r.Wanted.Cloud, before)
	if err != nil {
		return err
	}
	if err := r.Settings().Explain(problems).Err(); err != nil {
		return err
	}
	r.Config.Cloud, r.Record.Cloud = all, choice.Found(all, r.Wanted.Cloud)
	return nil
}

// checkRoom asks the account for what is wanted, and for room for it where nothing is
// there yet: what is there already counts as used.
func (r *work) checkRoom(ctx context.Context) error {
	if err := r.findPlaces(ctx); err != nil {
		return err
	}
	if r.roomChecked || r.Options.Self || r.Elsewhere() || r.Record.Infrastructure != nil {
		return nil
	}
	r.roomChecked = true
	if stack, err := r.Site().Look(ctx); err != nil || stack.Live {
		return err
	}
	return r.Chooser().Room(ctx)
}

// parameterTags are those of a parameter: the user's, and that which says whose it is.
func (r *work) parameterTags() map[string]string {
	tags := map[string]string{}
	maps.Copy(tags, r.Config.AWS.Tags)
	tags[possession.Tag] = r.Name
	return tags
}
