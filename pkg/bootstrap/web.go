package bootstrap

import (
	"context"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/manifest/endpoint"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// web is how the Concourse that is wanted will be reached.
func (r *run) web() resource.Concourse {
	return r.concourseAt(r.accessTo(r.url(), r.config))
}

// accessTo is as whom Concourse is asked, by a configuration: as the pipeline's own user,
// or by hand, where that one owns its team only, as an owner of the team main.
func (r *run) accessTo(url string, c *config.Config) endpoint.Endpoint {
	if r.options.Self || manifest.QuietUpgrades(c) {
		return endpoint.Web(url, c, r.credentials)
	}
	return endpoint.Person(url, c, r.credentials)
}

// concourseAt is an access as the resource has it, in the pipeline's team. On a director
// that exists there is no team of its own: who sets the bundled pipeline does it in main.
func (r *run) concourseAt(a endpoint.Endpoint) resource.Concourse {
	team := manifest.PipelineTeam
	if r.elsewhere() {
		team = manifest.FormerTeam
	}
	return resource.Concourse{URL: a.URL, CACert: a.CACert, Username: a.Username, Password: a.Password, Team: team}
}

// looking bounds the look whether Concourse still answers where it was.
const looking = 30 * time.Second

// webNow is how Concourse is reached before the deploy that may move it: where it was
// verified last, or by the settings of the last run; where it will be if it is not there.
func (r *run) webNow(ctx context.Context) resource.Concourse {
	wanted, now := r.web(), r.web()
	switch {
	case r.record.Web != nil:
		if r.stored != nil { // whom it knows is as it was
			now = r.concourseAt(r.accessTo(wanted.URL, config.Defaults(r.stored)))
		}
		now.URL, now.CACert = r.record.Web.URL, r.record.Web.CACert
	case r.stored != nil && r.record.Infrastructure != nil:
		before := config.Defaults(r.stored)
		in := manifest.Input{Config: before, Infrastructure: *r.record.Infrastructure}
		now = r.concourseAt(r.accessTo(in.URL(), before))
	}
	if now.URL == wanted.URL && now.CACert == wanted.CACert {
		return now
	}
	ctx, cancel := context.WithTimeout(ctx, looking)
	defer cancel()
	for _, web := range []resource.Concourse{now, wanted} { // a run that was killed may have moved it
		if atc, err := r.ATC(web); err == nil {
			if _, err := atc.Info(ctx); err == nil {
				return web
			}
		}
	}
	return now
}
