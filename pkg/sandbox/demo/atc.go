package demo

import (
	"errors"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/player"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// pipelineName is the pipeline that is played.
const pipelineName = "self-upgrade"

// atc lets the player use the world's Concourse.
type atc struct{ *concourse.Server }

// Config implements player.ATC.
func (a atc) Config() ([]byte, error) {
	text, ok := a.PipelineConfig(world.Team, pipelineName)
	if !ok {
		return nil, errors.New("read pipeline: it is not set")
	}
	return text, nil
}

// Start implements player.ATC.
func (a atc) Start(job string, interruptible bool) (player.Build, error) {
	b, err := a.StartBuild(world.Team, pipelineName, job, "", interruptible)
	if err != nil {
		return nil, err
	}
	return build{b, a.Server}, nil
}

// build lets the player use one build of it.
type build struct {
	*concourse.Build
	server *concourse.Server
}

// Step implements player.Build.
func (b build) Step(resourceType string) error { return b.server.RunStep(b.Build, resourceType) }
