package task

import (
	"slices"
	"strconv"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/uuid"
)

// HoldLock takes a deployment's lock, as the health monitor does while it
// repairs, and shows a task for it. It is held until release is called. A lock
// that is held already is taken from its holder.
func (q *Queue) HoldLock(deployment string) (release func()) {
	q.Lock()
	defer q.Unlock()
	t := &Row{Description: "scan and fix", User: "hm", Deployment: deployment, parked: true, Minor: true}
	q.insert(t)
	t.state, t.started = StateProcessing, q.Now()
	l := &lock{name: DeploymentLock(deployment), uid: uuid.New(), task: t.ID, holder: t.ID, acquired: q.Now(), serial: q.Next("lock")}
	q.locks[l.name] = l
	return func() {
		q.Lock()
		defer q.Unlock()
		if q.locks[l.name] == l {
			delete(q.locks, l.name)
		}
		if !t.finished() {
			t.state, t.result, t.timestamp = StateDone, "scan and fix complete", q.Now()
			close(t.done)
		}
	}
}

// Lose puts a task into the table without a job for it. It stays queued; when it is
// cancelled, it becomes a timeout as one whose worker has died. The caller holds the lock.
func (q *Queue) Lose(t *Row) (id int) {
	q.insert(t)
	t.frozen, t.killed = true, q.Now()
	return t.ID
}

// KillWorker kills the worker of a task, parent and child, while it runs. The
// task stays processing until someone looks at it after 180 s × Scale and
// finds a timeout; its locks expire after at most 241 s × Scale. It says
// whether there was such a worker.
func (q *Queue) KillWorker(id int) bool {
	q.Lock()
	defer q.Unlock()
	return q.freeze(q.find(id))
}

// KillWorkerChild kills only the process that a worker has forked for a task:
// the parent notices, and the task ends at once as an error without a result.
// Its locks stay until they expire.
func (q *Queue) KillWorkerChild(id int) bool {
	q.Lock()
	defer q.Unlock()
	t := q.find(id)
	if !q.freeze(t) {
		return false
	}
	t.state = StateError
	close(t.done)
	return true
}

// freeze stops a running task where it is. The caller holds the lock.
func (q *Queue) freeze(t *Row) bool {
	if t == nil || t.started.IsZero() || t.finished() || t.frozen || t.parked {
		return false
	}
	t.frozen, t.killed = true, q.Now()
	t.timestamp = t.started
	t.kill()
	for _, l := range q.locks {
		if l.holder == t.ID {
			l.died = t.killed
		}
	}
	return true
}

// LockHolders lists the tasks that hold or held the locks in the table, expired ones included.
func (q *Queue) LockHolders() []int {
	var ids []int
	for _, l := range q.Locks() {
		if id, err := strconv.Atoi(l.Task); err == nil {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
