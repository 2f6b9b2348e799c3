package director

import (
	"context"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/store"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/task"
)

// SetWorkers changes how many tasks are worked on at the same time. Workers
// that are busy finish their task first.
func (d *Director) SetWorkers(n int) { d.queue.SetWorkers(n) }

// Tasks lists all tasks by id. Unlike a request it makes no timeout of a task.
func (d *Director) Tasks() []task.Task { return d.queue.Tasks() }

// Events gives the event log of a task as it is now.
func (d *Director) Events(id int) string { return d.queue.Events(id) }

// Wait waits for the end of a task. It fails when ctx ends first, or when there is no such task.
func (d *Director) Wait(ctx context.Context, id int) (task.Task, error) { return d.queue.Wait(ctx, id) }

// Ended is when a task ended; zero where it has not, or where there is no such task.
func (d *Director) Ended(id int) time.Time { return d.queue.Ended(id) }

// Locks lists the locks, oldest first.
func (d *Director) Locks() []task.LockHolder { return d.queue.Locks() }

// LockHolders lists the tasks that hold or held the locks in the table, expired ones included.
func (d *Director) LockHolders() []int { return d.queue.LockHolders() }

// HoldLock takes a deployment's lock, as the health monitor does while it
// repairs, and shows a task for it. It is held until release is called. A lock
// that is held already is taken from its holder.
func (d *Director) HoldLock(deployment string) (release func()) { return d.queue.HoldLock(deployment) }

// KillWorker kills the worker of a task, parent and child, while it runs. The
// task stays processing until someone looks at it after 180 s × Scale and
// finds a timeout; its locks expire after at most 241 s × Scale. It says
// whether there was such a worker.
func (d *Director) KillWorker(id int) bool { return d.queue.KillWorker(id) }

// KillWorkerChild kills only the process that a worker has forked for a task:
// the parent notices, and the task ends at once as an error without a result.
// Its locks stay until they expire.
func (d *Director) KillWorkerChild(id int) bool { return d.queue.KillWorkerChild(id) }

// LoseJob puts a deployment and the task of a deploy into their tables without a job
// for it, as a director does that dies in between. It stays queued; when it is cancelled,
// it becomes a timeout as one whose worker has died.
func (d *Director) LoseJob(deployment, contextID string) (id int) {
	return d.deployer.LoseJob(deployment, contextID)
}

// FailInstance makes updates of an instance fail, times times, or until
// Repair if times is negative. With a message its pre-start script fails and
// the message is what the agent says; with "" its jobs do not come up.
func (d *Director) FailInstance(group string, index int, message string, times int) {
	d.deployer.FailInstance(group, index, message, times)
}

// FailCreateVM makes the cloud refuse to create VMs for an instance, like FailInstance.
func (d *Director) FailCreateVM(group string, index int, message string, times int) {
	d.deployer.FailCreateVM(group, index, message, times)
}

// Repair ends every fault of FailInstance and FailCreateVM.
func (d *Director) Repair() { d.deployer.Repair() }

// Down makes the director unreachable until up is called. Its workers go on.
func (d *Director) Down(kind api.Outage) (up func()) { return d.access.Down(kind) }

// Deploy deploys a manifest as a request would and waits for the end. It
// fails if the task does, and when ctx ends first.
func (d *Director) Deploy(ctx context.Context, manifest []byte) (task.Task, error) {
	return d.deployer.Deploy(ctx, manifest)
}

// Effects lists everything that was brought about, oldest first.
func (d *Director) Effects() []store.Effect { return d.store.Effects() }

// Count is how many effects of a kind there are; a name narrows it down, "" does not.
func (d *Director) Count(kind, name string) int { return d.store.Count(kind, name) }

// JobTemplate gives a template of a job of a release as the director has it, and
// whether it has it: ("perpetual", "1.0.0", "gate", "post-start").
func (d *Director) JobTemplate(release, version, job, template string) ([]byte, bool) {
	return d.stock.JobTemplate(release, version, job, template)
}
