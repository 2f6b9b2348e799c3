package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/cloud"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/config/schema"
)

// elsewhere says whether Concourse goes to a director that exists: there is no
// infrastructure then, and the cloud config is its owner's.
func (r *run) elsewhere() bool { return r.config.AWS == nil }

// findNames completes the section cloud from the director's cloud config, so that what
// is missing there is known before anything is changed.
func (r *run) findNames(ctx context.Context) error {
	d, done, err := r.Director(r.access())
	if err != nil {
		return err
	}
	defer done()
	texts, err := d.CloudConfigs(ctx)
	if err != nil {
		return fmt.Errorf("read the director's cloud config: %w; nothing was changed", err)
	}
	if len(texts) == 0 {
		return fmt.Errorf("the director at %s has no cloud config, which says what VMs are made of; nothing was changed: set one with bosh update-cloud-config", r.access().URL)
	}
	names, err := cloud.ReadNames(texts)
	if err != nil {
		return err
	}
	given, before := r.wantedConfig.Cloud, config.Cloud{}
	if r.record.Cloud != nil {
		before = *r.record.Cloud
	}
	all, problems := names.Choose(given, before)
	if err := r.explained(problems).Err(); err != nil {
		return err
	}
	if all.Stemcell == "" {
		cpi, err := d.CPI(ctx)
		if err != nil {
			return fmt.Errorf("ask the director for its CPI: %w", err)
		}
		if all.Stemcell, err = cloud.StemcellOf(cpi); err != nil {
			return err
		}
	}
	r.config.Cloud, r.record.Cloud = all, found(all, given)
	return nil
}

// found are the names that nobody has given. They are kept, so that what is added to
// the cloud config later neither moves a VM nor stands in the way.
func found(all, given config.Cloud) *config.Cloud {
	for _, name := range []struct {
		found *string
		given string
	}{
		{&all.VMTypes.Web, given.VMTypes.Web}, {&all.VMTypes.Worker, given.VMTypes.Worker}, {&all.VMTypes.Database, given.VMTypes.Database},
		{&all.DiskType, given.DiskType}, {&all.Network, given.Network}, {&all.WebAddress, given.WebAddress}, {&all.Stemcell, given.Stemcell},
	} {
		if name.given != "" {
			*name.found = ""
		}
	}
	if len(given.AZs) > 0 {
		all.AZs = nil
	}
	return &all
}

// checkDeployment refuses a state that knows less than a director that exists: what it
// would make again is the credentials, and those lock out what runs.
func (r *run) checkDeployment(ctx context.Context) error {
	where := r.access().URL
	if r.kept.Known() && r.record.Deployment {
		missing, err := r.missing(ctx)
		if err != nil || len(missing) == 0 {
			return err
		}
		return fmt.Errorf("%s has no %s, though deployment %s was created on the director at %s: what is missing would be generated again, and lock out what runs; nothing was changed: put it back from a copy",
			storeName(r), strings.Join(missing, " and no "), r.deploymentName(), where)
	}
	d, done, err := r.Director(r.access())
	if err != nil {
		return err
	}
	defer done()
	_, err = d.Manifest(ctx, r.deploymentName())
	switch {
	case errors.Is(err, bosh.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("ask the director at %s for deployment %s: %w; nothing was changed", where, r.deploymentName(), err)
	}
	return fmt.Errorf("the director at %s has a deployment %s, and %s knows nothing of it: credentials that are generated now would lock out what runs; nothing was changed: name the directory or bucket that has its state (--state-dir, --state-bucket), or put that back from a copy; a second Concourse gets a name of its own with director.deployment",
		where, r.deploymentName(), storeName(r))
}

// checkDestroy is checkStanding for who deletes. On a director that exists nothing is
// deleted there but what the state knows; it must only not take with it the credentials
// of a deployment that it has forgotten.
func (r *run) checkDestroy(ctx context.Context) error {
	if r.elsewhere() && (r.kept.Known() && r.record.Deployment || !r.kept.HasCredentials()) {
		return nil
	}
	if err := r.checkStanding(ctx); err != nil {
		return err
	}
	return r.checkPossessions(ctx)
}

// checkStemcell wants another stemcell to come with a set of its own: the set of the
// last run has the one before.
func (r *run) checkStemcell(set []component.Component) error {
	wanted := r.config.Cloud.Stemcell
	if !r.elsewhere() || wanted == "" {
		return nil
	}
	for _, c := range set {
		if c.Kind == component.KindStemcell && c.Upstream != wanted {
			return schema.Problems{{Key: "cloud.stemcell", Text: fmt.Sprintf(
				"%s is wanted, and %s is deployed: another stemcell comes with versions of its own; nothing was changed: run again with --upgrade", wanted, c.Upstream)}}
		}
	}
	return nil
}

// noPipeline says why none is set on a director that exists, and what upgrades instead.
// The bundled pipeline is not an answer: its put deploys the bundled manifest as it is,
// and so refuses to.
func (r *run) noPipeline() string {
	return fmt.Sprintf("none is set, since this Concourse has no credential manager for its secrets: perpetual deploy %s --upgrade upgrades it", r.Name)
}
