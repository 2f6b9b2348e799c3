// Package bootstrap installs a Concourse with everything under it, and converges
// it from then on: infrastructure, director, stemcells and releases, deploy,
// pipeline, verification. Each step observes, compares, acts and reports; a second
// run finds nothing to do. It knows the cloud, create-env, the director and the ATC
// only through what it asks of them.
package bootstrap

import (
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/run"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/config"
)

// ErrNotFound says that something has not been made yet.
var ErrNotFound = run.ErrNotFound

// Installation is one Concourse with all that is under it. What is done with it are its
// methods; run.Installation explains its fields.
type Installation run.Installation

// What whoever opens an installation has to do with, besides it.
type (
	// Director is the director once it runs.
	Director = run.Director
	// ATC is the new Concourse's API.
	ATC = run.ATC
	// Options say how Deploy goes about it.
	Options = run.Options
)

// Result is what Deploy ends with.
type Result struct {
	Changed  bool
	URL      string // "https://ci.example.com"
	Task     int    // the director task of the deploy; 0 if there was nothing to deploy
	Outcomes []step.NamedOutcome
}

// Plan is what deploy would change.
type Plan struct {
	Steps  []step.Planned
	Config *config.Config // what is wanted, with what was wanted before and the defaults
	// InstanceTypes are those that were chosen, by what they are for: "worker".
	InstanceTypes map[string]string
}

// Changes says whether there is anything to do.
func (p Plan) Changes() bool {
	for _, s := range p.Steps {
		if s.Changes {
			return true
		}
	}
	return false
}
