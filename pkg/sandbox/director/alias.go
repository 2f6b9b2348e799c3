package director

import (
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/deployment"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/store"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/task"
)

// What lies in the packages below and belongs to the face of a director.
type (
	// Failure is an error of the director with its code.
	Failure = api.Failure
	// UAA simulates the token endpoint of the UAA beside a director.
	UAA = api.UAA
	// Outage is how a director is down.
	Outage = api.Outage
	// Effect is something that a client brought about.
	Effect = store.Effect
	// Update is one instance being updated by a deploy.
	Update = deployment.Update
	// Errand is one errand to run on one instance.
	Errand = deployment.Errand
	// ErrandResult is what an errand ends with.
	ErrandResult = deployment.ErrandResult
	// Task is a task as GET /tasks/N shows it, and as tests see it.
	Task = task.Task
	// LockHolder is a lock as GET /locks shows it, expired ones included.
	LockHolder = task.LockHolder
)

// Kinds of outages.
const (
	BadGateway = api.BadGateway
	Refuse     = api.Refuse
)

// Kinds of effects.
const (
	EffectDeploy   = store.EffectDeploy
	EffectInstance = store.EffectInstance
	EffectVM       = store.EffectVM
	EffectUpload   = store.EffectUpload
	EffectConfig   = store.EffectConfig
	EffectDelete   = store.EffectDelete
)

// States of a task.
const (
	StateQueued     = task.StateQueued
	StateProcessing = task.StateProcessing
	StateCancelling = task.StateCancelling
	StateCancelled  = task.StateCancelled
	StateDone       = task.StateDone
	StateError      = task.StateError
	StateTimeout    = task.StateTimeout
)
