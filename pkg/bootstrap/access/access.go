// Package access says where an installation's director and Concourse are reached by a run,
// and as whom: as they are wanted, and as they are before the deploy that may move them.
package access

import (
	"context"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/manifest/endpoint"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// Looking bounds a look whether something still answers where it was.
const Looking = 30 * time.Second

// Access is how an installation is reached.
type Access struct {
	Config         *config.Config          // what is wanted, with the defaults
	Infrastructure manifest.Infrastructure // what the stack gives, or will give
	Credentials    secret.Values
	Self           bool   // from inside: by private addresses, and as the pipeline's user
	Before         Before // what the last run has left
}

// Before is what is known of the Concourse that may be there already.
type Before struct {
	Config         *config.Config           // what was wanted, without the defaults; nil at the first run
	Infrastructure *manifest.Infrastructure // nil before there was a stack
	Web            *record.Web              // where Concourse was verified last; nil before it was
}

// elsewhere says whether Concourse is on a director that exists.
func (a Access) elsewhere() bool { return a.Config.AWS == nil }

// Director is how the director is reached: from inside by its private address.
func (a Access) Director() resource.Director {
	if a.elsewhere() {
		d := a.Config.Director
		return resource.Director{URL: d.URL, CACert: d.CACert, Client: d.Client, ClientSecret: d.ClientSecret}
	}
	host := a.Infrastructure.DirectorAddress
	if a.Self || host == "" {
		host = a.Infrastructure.DirectorIP
	}
	e := endpoint.Director(host, a.Credentials)
	return resource.Director{URL: e.URL, CACert: e.CACert, Username: e.Username, Password: e.Password}
}

// URL is that of the web; "" while there is no address for it.
func (a Access) URL() string {
	return manifest.Input{Config: a.Config, Infrastructure: a.Infrastructure}.URL()
}

// Web is how the Concourse that is wanted will be reached.
func (a Access) Web() resource.Concourse { return a.concourse(a.web(a.URL(), a.Config)) }

// Person is Web as somebody logs in who is not a program: to the team main.
func (a Access) Person() resource.Concourse {
	person := a.concourse(endpoint.Person(a.URL(), a.Config, a.Credentials))
	person.Team = manifest.FormerTeam
	return person
}

// web is as whom Concourse is asked, by a configuration: as the pipeline's own user,
// or by hand, where that one owns its team only, as an owner of the team main.
func (a Access) web(url string, c *config.Config) endpoint.Endpoint {
	if a.Self || manifest.QuietUpgrades(c) {
		return endpoint.Web(url, c, a.Credentials)
	}
	return endpoint.Person(url, c, a.Credentials)
}

// concourse is an endpoint as the resource has it, in the pipeline's team. On a director
// that exists there is no team of its own: who sets the bundled pipeline does it in main.
func (a Access) concourse(e endpoint.Endpoint) resource.Concourse {
	team := manifest.PipelineTeam
	if a.elsewhere() {
		team = manifest.FormerTeam
	}
	return resource.Concourse{URL: e.URL, CACert: e.CACert, Username: e.Username, Password: e.Password, Team: team}
}

// WebNow is how Concourse is reached before the deploy that may move it: where it was
// verified last, or by the settings of the last run; where it will be if it is not there.
func (a Access) WebNow(ctx context.Context, answers func(context.Context, resource.Concourse) bool) resource.Concourse {
	wanted, now := a.Web(), a.webBefore()
	if now.URL == wanted.URL && now.CACert == wanted.CACert {
		return now
	}
	ctx, cancel := context.WithTimeout(ctx, Looking)
	defer cancel()
	for _, web := range []resource.Concourse{now, wanted} { // a run that was killed may have moved it
		if answers(ctx, web) {
			return web
		}
	}
	return now
}

// webBefore is how Concourse was reached after the last run, as far as that is known.
func (a Access) webBefore() resource.Concourse {
	now := a.Web()
	switch {
	case a.Before.Web != nil:
		if a.Before.Config != nil { // whom it knows is as it was
			now = a.concourse(a.web(now.URL, config.Defaults(a.Before.Config)))
		}
		now.URL, now.CACert = a.Before.Web.URL, a.Before.Web.CACert
	case a.Before.Config != nil && a.Before.Infrastructure != nil:
		before := config.Defaults(a.Before.Config)
		in := manifest.Input{Config: before, Infrastructure: *a.Before.Infrastructure}
		now = a.concourse(a.web(in.URL(), before))
	}
	return now
}
