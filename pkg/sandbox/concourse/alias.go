package concourse

import "github.com/perpetual-ci/perpetual/pkg/sandbox/concourse/engine"

// core is what the server answers for.
type core = engine.Engine

// What tests say to the engine, and hear of it.
type (
	// Options describe the Concourse that New simulates.
	Options = engine.Options
	// Event is something that the Server did, for tests to assert on and for a demo
	// to tell.
	Event = engine.Event
	// Release is a version of Concourse, as far as web and workers tell them apart.
	Release = engine.Release
	// Build is one build of a job, or a one-off build.
	Build = engine.Build
)

// Kinds of events.
const (
	KindLogin    = engine.KindLogin
	KindTeam     = engine.KindTeam
	KindCreate   = engine.KindCreate
	KindUpdate   = engine.KindUpdate
	KindPause    = engine.KindPause
	KindUnpause  = engine.KindUnpause
	KindArchive  = engine.KindArchive
	KindTrigger  = engine.KindTrigger
	KindStart    = engine.KindStart
	KindFinish   = engine.KindFinish
	KindRegister = engine.KindRegister
	KindLanding  = engine.KindLanding
	KindLanded   = engine.KindLanded
	KindRetiring = engine.KindRetiring
	KindRetired  = engine.KindRetired
	KindStalled  = engine.KindStalled
	KindLeft     = engine.KindLeft
	KindPruned   = engine.KindPruned
	KindStop     = engine.KindStop
	KindMigrate  = engine.KindMigrate
	KindRestart  = engine.KindRestart
	KindUpgrade  = engine.KindUpgrade
)
