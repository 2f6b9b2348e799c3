package bootstrap

import (
	"context"
	"maps"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/choice"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/possession"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/preflight"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/config"
)

// checkAccount asks who we are and whether the region has what is wanted, before
// anything is made. It changes nothing.
func (r *run) checkAccount(ctx context.Context) (step.Outcome, error) {
	aws := r.config.AWS
	if aws == nil {
		return step.Skipped.Report("the director exists already: no cloud account is used")
	}
	var err error
	if r.identity, err = preflight.Identify(ctx, r.Account, aws.Account); err != nil {
		return step.Outcome{}, err
	}
	return step.UpToDate.Report("account %s, region %s, as %s", r.identity.Account, aws.Region, r.identity.ARN)
}

// findPlaces finds what the user need not say, and what the account must have.
func (r *run) findPlaces(ctx context.Context) error {
	if r.elsewhere() {
		return r.findNames(ctx)
	}
	r.record.Account, r.record.Region = r.identity.Account, r.config.AWS.Region
	var err error
	if r.subnets, err = r.chooser().Places(ctx, r.record.Stack || r.record.Infrastructure != nil); err != nil {
		return err
	}
	// What was chosen is where everything is from now on.
	r.config.AWS.Zones, r.wantedConfig.AWS.Zones = r.record.Zones, r.record.Zones
	return nil
}

// findNames completes the section cloud from the director's cloud config, so that what
// is missing there is known before anything is changed.
func (r *run) findNames(ctx context.Context) error {
	d, done, err := r.Director(r.access())
	if err != nil {
		return err
	}
	defer done()
	before := config.Cloud{}
	if r.record.Cloud != nil {
		before = *r.record.Cloud
	}
	all, problems, err := choice.Names(ctx, d, r.access().URL, r.wantedConfig.Cloud, before)
	if err != nil {
		return err
	}
	if err := r.settings().Explain(problems).Err(); err != nil {
		return err
	}
	r.config.Cloud, r.record.Cloud = all, choice.Found(all, r.wantedConfig.Cloud)
	return nil
}

// chooser finds what the user need not say.
func (r *run) chooser() choice.Chooser {
	return choice.Chooser{
		Name: r.Name, Config: r.config, Choice: &r.record.Choice, Account: r.Account, Warn: r.Progress.Warn,
	}
}

// checkRoom asks the account for what is wanted, and for room for it where nothing is
// there yet: what is there already counts as used.
func (r *run) checkRoom(ctx context.Context) error {
	if err := r.findPlaces(ctx); err != nil {
		return err
	}
	if r.roomChecked || r.options.Self || r.elsewhere() || r.record.Infrastructure != nil {
		return nil
	}
	r.roomChecked = true
	if stack, err := r.site().Look(ctx); err != nil || stack.Live {
		return err
	}
	return r.chooser().Room(ctx)
}

// parameterTags are those of a parameter: the user's, and that which says whose it is.
func (r *run) parameterTags() map[string]string {
	tags := map[string]string{}
	maps.Copy(tags, r.config.AWS.Tags)
	tags[possession.Tag] = r.Name
	return tags
}
