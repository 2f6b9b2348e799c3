package demo

import (
	"errors"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/player"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// pipelineName is the pipeline that is played.
const pipelineName = "self-upgrade"

// atc lets the player use the pipeline of a team of the world's Concourse.
type atc struct {
	*concourse.Server
	team string
}

// Config implements player.ATC.
func (a atc) Config() ([]byte, error) {
	text, ok := a.PipelineConfig(a.team, pipelineName)
	if !ok {
		return nil, errors.New("read pipeline: it is not set")
	}
	return text, nil
}

// Start implements player.ATC.
func (a atc) Start(job string, interruptible bool) (player.Build, error) {
	b, err := a.StartBuild(a.team, pipelineName, job, "", interruptible)
	if err != nil {
		return nil, err
	}
	return build{b, a.Server}, nil
}

// Take implements player.Queue.
func (a atc) Take() player.Build {
	if b := a.TakeBuild(a.team, pipelineName); b != nil {
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

// installedATC is the Concourse that is there once it is installed.
type installedATC struct{ site *site.Site }

// Config implements player.ATC.
func (a installedATC) Config() ([]byte, error) { return atc{a.site.Concourse, world.OwnTeam}.Config() }

// Start implements player.ATC.
func (a installedATC) Start(job string, interruptible bool) (player.Build, error) {
	return atc{a.site.Concourse, world.OwnTeam}.Start(job, interruptible)
}

// Take implements player.Queue.
func (a installedATC) Take() player.Build { return atc{a.site.Concourse, world.OwnTeam}.Take() }

// Hash implements player.Hasher.
func (a installedATC) Hash() string { return a.site.Concourse.Hash() }
