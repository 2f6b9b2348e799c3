// Package upgrade is the order of an upgrade: pipeline first, then stemcell and
// releases, then the deploy in the background, and later, in another build, the
// verification. It knows the director and the ATC only through what it asks of them.
package upgrade

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/stock"
	"github.com/perpetual-ci/perpetual/pkg/upgrade/comparison"
	"github.com/perpetual-ci/perpetual/pkg/upgrade/plan"
)

// Director is what this package asks of a BOSH director.
type Director interface {
	plan.Director
	comparison.Director
	Tasks
	stock.Director
	Deployer
	// UpdateConfig sets a config in place of the version with an id, and fails with
	// bosh.ErrConfigChanged where there is another by now. Without an id it overwrites.
	UpdateConfig(ctx context.Context, kind, name, content, id string) (bosh.ConfigVersion, error)
}

// Tasks reads the director's tasks.
type Tasks interface {
	// Events gives the events of a task so far.
	Events(ctx context.Context, id int) ([]bosh.Event, error)
	// Wait returns when the task has ended, or with an error when ctx has. It
	// never cancels the task.
	Wait(ctx context.Context, id int, report func(bosh.Event)) (bosh.Task, error)
}

// Deployer deploys manifests.
type Deployer interface {
	// Deploy submits the manifest once and gives the task that was accepted. It
	// fails with bosh.ErrUncertain when the answer was lost.
	Deploy(ctx context.Context, manifest []byte, o bosh.DeployOptions) (task int, err error)
}
