package installation

import (
	"github.com/perpetual-ci/perpetual/pkg/sandbox/demo/stage"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/player"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// installedATC is the Concourse that is there once it is installed.
type installedATC struct{ site *site.Site }

// Config implements player.ATC.
func (a installedATC) Config() ([]byte, error) {
	return stage.NewATC(a.site.Concourse, world.OwnTeam).Config()
}

// Start implements player.ATC.
func (a installedATC) Start(job string, interruptible bool) (player.Build, error) {
	return stage.NewATC(a.site.Concourse, world.OwnTeam).Start(job, interruptible)
}

// Take implements player.Queue.
func (a installedATC) Take() player.Build {
	return stage.NewATC(a.site.Concourse, world.OwnTeam).Take()
}

// Hash implements player.Hasher.
func (a installedATC) Hash() string { return a.site.Concourse.Hash() }
