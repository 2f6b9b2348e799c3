package bosh

import (
	"slices"
	"time"
)

// The states of a director task.
const (
	StateQueued     = "queued"
	StateProcessing = "processing"
	StateCancelling = "cancelling"
	StateDone       = "done"
	StateError      = "error"
	StateTimeout    = "timeout" // its worker is gone; written when someone asks
	StateCancelled  = "cancelled"
)

// Unfinished are the states of a task that a worker has or will have.
func Unfinished() []string { return []string{StateQueued, StateProcessing, StateCancelling} }

// Task is one job of the director.
type Task struct {
	ID          int       // 42
	State       string    // "processing", see StateQueued and the others
	Description string    // "create deployment"
	Result      string    // "/deployments/concourse", or an error cut at about 128 characters; "" until the end
	User        string    // "admin"
	Deployment  string    // "concourse"; "" for uploads
	ContextID   string    // what the request's X-Bosh-Context-Id said
	StartedAt   time.Time // zero until a worker took it
	FinishedAt  time.Time // zero until the end
}

// Finished says whether the task has ended, well or badly.
func (t Task) Finished() bool { return !slices.Contains(Unfinished(), t.State) }

// Succeeded says whether the task ended well.
func (t Task) Succeeded() bool { return t.State == StateDone }

// TaskFilter narrows a list of tasks; its zero value asks for all tasks that the
// director calls major (deploys and uploads, not the reading of VM vitals).
type TaskFilter struct {
	Deployment string   // "concourse"
	ContextID  string   // exact
	States     []string // StateDone, …
	// Limit bounds the answer to the newest by time, not by id: with 1 it may be
	// any of several tasks of one context id.
	Limit int
	All   bool // minor tasks too
}
