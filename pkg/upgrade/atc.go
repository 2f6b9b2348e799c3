package upgrade

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/upgrade/plan"
)

// ATC is what this package asks of the Concourse API.
type ATC interface {
	plan.ATC
	// DiffPipeline says what SetPipeline would change.
	DiffPipeline(ctx context.Context, p concourse.Pipeline, config []byte) (concourse.PipelineChange, error)
	// SetPipeline sets the config only when it differs, and keeps the pause state.
	SetPipeline(ctx context.Context, p concourse.Pipeline, config []byte) (concourse.PipelineChange, error)
}

// Concourse is what an upgrade asks of Concourse that concerns other teams and other
// builds than its own.
type Concourse interface {
	pause.ATC
	// Build fails for a build that does not exist.
	Build(ctx context.Context, id int) (concourse.Build, error)
	// TriggerJob starts a build of a job in the team of the source.
	TriggerJob(ctx context.Context, p concourse.Pipeline, job string) (concourse.Build, error)
}
