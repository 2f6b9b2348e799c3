// Package stock finds out which releases and stemcells a manifest takes, and what the
// director lacks of them, and brings that there.
package stock

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/task"
)

// Director is what this package asks of a director.
type Director interface {
	task.Director
	// Events gives the events of a task so far.
	Events(ctx context.Context, id int) ([]bosh.Event, error)
	// Wait returns when the task has ended, or with an error when ctx has. It
	// never cancels the task.
	Wait(ctx context.Context, id int, report func(bosh.Event)) (bosh.Task, error)
	Stemcells(ctx context.Context) ([]bosh.Stemcell, error)
	Releases(ctx context.Context) ([]bosh.Release, error)
	// Packages are those of one version of a release. It fails with bosh.ErrNotFound.
	Packages(ctx context.Context, release bosh.Release) ([]bosh.Package, error)
	// Admit refuses an artifact whose URL leads to where the server that named it may not
	// send the director.
	Admit(ctx context.Context, a Artifact) error
	// Upload starts the task that fetches or takes one; it does not wait for it. It
	// fails with bosh.ErrUncertain when the answer was lost.
	Upload(ctx context.Context, a Artifact) (task int, err error)
}
