package bootstrap

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/access"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// reach is how this run reaches director and Concourse.
func (r *run) reach() access.Access {
	return access.Access{
		Config: r.config, Infrastructure: r.infra, Credentials: r.credentials, Self: r.options.Self,
		Before: access.Before{Config: r.stored, Infrastructure: r.record.Infrastructure, Web: r.record.Web},
	}
}

// access is how this run reaches the director.
func (r *run) access() resource.Director { return r.reach().Director() }

// web is how the Concourse that is wanted will be reached.
func (r *run) web() resource.Concourse { return r.reach().Web() }

// webNow is how Concourse is reached before the deploy that may move it.
func (r *run) webNow(ctx context.Context) resource.Concourse {
	return r.reach().WebNow(ctx, func(ctx context.Context, web resource.Concourse) bool {
		atc, err := r.ATC(web)
		if err == nil {
			_, err = atc.Info(ctx)
		}
		return err == nil
	})
}
