package stage

import (
	"errors"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/player"
)

// PipelineName is the pipeline that is played.
const PipelineName = "self-upgrade"

// ATC lets the player use the pipeline of a team of the world's Concourse.
type ATC struct {
	*concourse.Server
	team string
}

// NewATC is the ATC of a team.
func NewATC(server *concourse.Server, team string) ATC { return ATC{server, team} }

// Config implements player.ATC.
func (a ATC) Config() ([]byte, error) {
	text, ok := a.PipelineConfig(a.team, PipelineName)
	if !ok {
		return nil, errors.New("read pipeline: it is not set")
	}
	return text, nil
}

// Start implements player.ATC.
func (a ATC) Start(job string, interruptible bool) (player.Build, error) {
	b, err := a.StartBuild(a.team, PipelineName, job, "", interruptible)
	if err != nil {
		return nil, err
	}
	return build{b, a.Server}, nil
}

// Take implements player.Queue.
func (a ATC) Take() player.Build {
	if b := a.TakeBuild(a.team, PipelineName); b != nil {
		return build{b, a.Server}
	}
	return nil
}

// build lets the player use one build of it.
type build struct {
	*concourse.Build
	server *concourse.Server
}

// Step implements player.Build.
func (b build) Step(resourceType string) error { return b.server.RunStep(b.Build, resourceType) }
