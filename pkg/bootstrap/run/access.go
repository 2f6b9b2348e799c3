package run

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/access"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// Reach is how this run reaches director and Concourse.
func (r *Run) Reach() access.Access {
	return access.Access{
		Config: r.Config, Infrastructure: r.Outputs, Credentials: r.Credentials, Self: r.Options.Self,
		Before: access.Before{Config: r.Stored, Infrastructure: r.Record.Infrastructure, Web: r.Record.Web},
	}
}

// OpenDirector opens the director as this run reaches it; the function closes it.
func (r *Run) OpenDirector() (Director, func(), error) { return r.Director(r.Reach().Director()) }

// WebNow is how Concourse is reached before the deploy that may move it.
func (r *Run) WebNow(ctx context.Context) resource.Concourse {
	return r.Reach().WebNow(ctx, func(ctx context.Context, web resource.Concourse) bool {
		atc, err := r.ATC(web)
		if err == nil {
			_, err = atc.Info(ctx)
		}
		return err == nil
	})
}
