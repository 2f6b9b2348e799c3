package run

import "github.com/perpetual-ci/perpetual/pkg/component"

// Options say how a deploy goes about it.
type Options struct {
	// Self is the order of a self-upgrade, from inside: the pipeline first, the
	// deploy last and in the background.
	Self bool
	// Upgrade takes the newest component set; without it what was deployed last stays.
	Upgrade bool
	// Components is the set to deploy, from a pipeline's get; it wins over Upgrade.
	Components []component.Component
	// Recreate makes every VM again.
	Recreate bool
	// AcceptStored takes what is in the state, though it was changed since this operator's
	// last run and nobody is there to be asked.
	AcceptStored bool
	// AllowDowngrade takes lower versions than those that are deployed, where the
	// database and the workers allow it.
	AllowDowngrade bool
	// AllowUnsigned takes a release of Perpetual that nobody has signed.
	AllowUnsigned bool
	// Attempts is how often the same deploy may fail; 0 is the upgrade's default.
	Attempts int
}
