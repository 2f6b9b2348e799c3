// Package bootstrap installs a Concourse with everything under it, and converges
// it from then on: infrastructure, director, stemcells and releases, deploy,
// pipeline, verification. Each step observes, compares, acts and reports; a second
// run finds nothing to do. It knows the cloud, create-env, the director and the ATC
// only through what it asks of them.
//
// The verbs and the one list of steps are here. What they share is a run.Run; the steps that
// find out what is wanted are in goal, those that make it in part.
package bootstrap

import "github.com/perpetual-ci/perpetual/pkg/bootstrap/run"

// ErrNotFound says that something has not been made yet.
var ErrNotFound = run.ErrNotFound

// Installation is one Concourse with all that is under it. What is done with it are its
// methods; run.Installation explains its fields.
type Installation run.Installation

// What is needed to open an installation.
type (
	// Director is the director once it runs.
	Director = run.Director
	// ATC is the new Concourse's API.
	ATC = run.ATC
	// Options say how Deploy goes about it.
	Options = run.Options
)
