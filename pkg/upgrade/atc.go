package upgrade

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
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
