package bosh

import (
	"fmt"
	"strings"
	"time"
)

const (
	// deployDescription is what the director calls the task of a deploy; that of a
	// stop, start or recreate has the same name, a dry run "create deployment (dry run)".
	deployDescription = "create deployment"
	// deleteDescription begins the name of the task of a deletion.
	deleteDescription = "delete deployment"
	// leftInQueue is the description that Left gives a task. Such a task holds nothing.
	leftInQueue = "left in the queue"
)

// DeployTask is the task of a deploy of a deployment that is done, for who knows no more
// of it than that the deployment is there.
func DeployTask(deployment string) Task {
	return Task{State: StateDone, Description: deployDescription, Deployment: deployment}
}

// IsDeploy says whether the task is a deploy, and no dry run of one.
func (t Task) IsDeploy() bool { return t.Description == deployDescription }

// IsOf says whether the task works on a deployment. A director takes names that differ
// in case alone for the same.
func (t Task) IsOf(deployment string) bool { return strings.EqualFold(t.Deployment, deployment) }

// Holds says whether the task, while it runs, keeps others from deploying.
func (t Task) Holds() bool {
	return strings.HasPrefix(t.Description, deployDescription) || strings.HasPrefix(t.Description, deleteDescription)
}

// LostLock says whether the task ended because another one held the deployment.
// A real director v283.1.6 cuts the result: "Failed to acquire lock for
// lock:deployment:concourse uid: 8c1f…. Locking task id is 19, description:...".
func (t Task) LostLock() bool {
	return t.State == StateError && strings.HasPrefix(t.Result, "Failed to acquire lock for lock:deployment:")
}

// Locked says whether the task ended because another one held any lock that it takes: that
// of the deployment, or of a release whose upload runs.
func (t Task) Locked() bool {
	return t.State == StateError && strings.HasPrefix(t.Result, "Failed to acquire lock for ")
}

// Kind says what the task does, and on which deployment unless that is the given one:
// `"delete deployment" of other`.
func (t Task) Kind(deployment string) string {
	text := fmt.Sprintf("%q", t.Description)
	if t.Deployment != "" && !t.IsOf(deployment) {
		text += " of " + t.Deployment
	}
	return text
}

// Label says to people which task this is: "director task 42 (create deployment by
// admin, processing, since 2026-11-29 12:00:00 UTC)".
func (t Task) Label() string {
	text := fmt.Sprintf("director task %d (%s by %s, %s", t.ID, t.Description, t.User, t.State)
	if !t.StartedAt.IsZero() {
		text += ", since " + t.StartedAt.UTC().Format(time.DateTime) + " UTC"
	}
	return text + ")"
}

// overtaking is for how long later tasks were worked on before one that is queued
// counts as left behind: a worker that has just taken it needs a moment to say so.
const overtaking = 30 * time.Second

// Overtaken says whether a queued task is one that no worker will take. A director that
// dies between the row of a task and its job leaves such a row for ever; workers take
// jobs in their order, so that later tasks have ended then.
func (t Task) Overtaken(others []Task) bool {
	var from, to time.Time
	for _, o := range others {
		if o.ID <= t.ID || !o.Finished() || o.StartedAt.IsZero() {
			continue
		}
		if from.IsZero() || o.StartedAt.Before(from) {
			from = o.StartedAt
		}
		if o.FinishedAt.After(to) {
			to = o.FinishedAt
		}
	}
	return t.State == StateQueued && to.Sub(from) >= overtaking
}

// Left is a task that was overtaken as one that counts for nothing but its id.
func (t Task) Left() Task {
	return Task{ID: t.ID, State: t.State, Description: leftInQueue, Deployment: t.Deployment}
}

// Unqueue is what a person does about a task that no worker takes.
func (t Task) Unqueue() string { return fmt.Sprintf("cancel it with `bosh cancel-task %d`", t.ID) }
