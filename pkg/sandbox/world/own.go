package world

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

// StartDirector starts, in an Empty world, the director of somebody else: it is there
// before anything is installed, with users in a UAA, and says that it has this CPI. Its
// first deploy of Concourse starts that.
func (w *World) StartDirector(ctx context.Context, cpi string) error {
	w.UAA = &director.UAA{Clients: map[string]string{DirectorClient: DirectorSecret}}
	if err := w.serve("uaa", w.UAA, true); err != nil {
		return err
	}
	w.UAA.SetURL(w.URLs["uaa"])
	w.boot = &boot{}
	w.Director = director.New(ctx, director.Options{
		UAA: w.UAA, CPI: cpi, Scale: w.options.Scale, Fetch: w.client(),
		Drain: w.drain, UpdateInstance: w.update, PostStart: w.postStart, Logs: w.logs,
	})
	return w.serve("director", w.Director, true)
}
