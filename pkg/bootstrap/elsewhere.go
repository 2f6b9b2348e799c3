package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/choice"
	"github.com/perpetual-ci/perpetual/pkg/bosh"
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
	before := config.Cloud{}
	if r.record.Cloud != nil {
		before = *r.record.Cloud
	}
	all, problems, err := choice.Names(ctx, d, r.access().URL, r.wantedConfig.Cloud, before)
	if err != nil {
		return err
	}
	if err := r.explained(problems).Err(); err != nil {
		return err
	}
	r.config.Cloud, r.record.Cloud = all, choice.Found(all, r.wantedConfig.Cloud)
	return nil
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
