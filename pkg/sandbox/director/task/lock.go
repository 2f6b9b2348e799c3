package task

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/store"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/uuid"
)

// Figures of the director's locks: a lock lasts 240 s and one more, is renewed
// every half of it, and is tried for every half second.
const (
	lockLife  = 241 * time.Second
	lockRenew = 120 * time.Second
	lockRetry = 500 * time.Millisecond
)

// lock is a row of the director's lock table.
type lock struct {
	name     string // "lock:deployment:dep1"
	uid      string
	task     int // who made the row: a takeover after expiry leaves it
	holder   int // who holds it
	acquired time.Time
	died     time.Time // when the holder's worker died; zero while it renews
	serial   int
}

// expires is when the lock may be taken over, renewals counted.
func (q *Queue) expires(l *lock) time.Time {
	last := q.Now()
	if !l.died.IsZero() {
		last = l.died
	}
	renewals := last.Sub(l.acquired) / q.Scaled(lockRenew)
	return l.acquired.Add(max(renewals, 0)*q.Scaled(lockRenew) + q.Scaled(lockLife))
}

// Acquire takes a lock, trying as long as timeout. It fails like the director
// does, naming the holder's task. Being cancelled does not end the wait.
func (j *Job) Acquire(name string, timeout time.Duration) (release func(), err error) {
	uid, deadline := uuid.New(), j.queue.Now().Add(timeout)
	for {
		l, holder, err := j.tryLock(name, uid)
		if err != nil {
			return nil, err
		}
		if l != nil {
			j.record(store.Event{Action: "acquire", ObjectType: "lock", ObjectName: name})
			return func() { j.release(l) }, nil
		}
		if j.queue.Now().After(deadline) {
			return nil, api.NewFailure(100, "Failed to acquire lock for %s uid: %s. Locking task id is %d, description: '%s'",
				name, uid, holder.ID, holder.Description)
		}
		if err := j.wait(max(j.queue.Scaled(lockRetry), time.Millisecond)); err != nil {
			return nil, err
		}
	}
}

// tryLock takes a lock if it is free or expired, else it gives the holder's task.
// The dead take none: errGone.
func (j *Job) tryLock(name, uid string) (*lock, *Row, error) {
	q, id := j.queue, j.Task.ID
	q.Lock()
	defer q.Unlock()
	if j.Task.frozen {
		return nil, nil, ErrGone
	}
	held := q.locks[name]
	if held != nil && q.Now().Before(q.expires(held)) {
		return nil, q.find(held.task), nil
	}
	l := &lock{name: name, uid: uid, task: id, holder: id, acquired: q.Now(), serial: q.Next("lock")}
	if held != nil {
		l.task = held.task
	}
	q.locks[name] = l
	return l, nil, nil
}

// release gives a lock back, unless another task took it over or its holder is dead.
func (j *Job) release(l *lock) {
	j.queue.Lock()
	if j.Task.frozen {
		j.queue.Unlock()
		return
	}
	if j.queue.locks[l.name] == l {
		delete(j.queue.locks, l.name)
	}
	j.queue.Unlock()
	j.record(store.Event{Action: "release", ObjectType: "lock", ObjectName: l.name})
}

// LockHolder is a lock as GET /locks shows it, expired ones included.
type LockHolder struct {
	Type     string   `json:"type"`     // "deployment"
	Resource []string `json:"resource"` // ["concourse"]
	Timeout  string   `json:"timeout"`  // "1795253896.630387": seconds since 1970
	Task     string   `json:"task_id"`  // "17"
}

// Locks lists the locks, oldest first.
func (q *Queue) Locks() []LockHolder {
	q.Lock()
	defer q.Unlock()
	rows := make([]*lock, 0, len(q.locks))
	for _, l := range q.locks {
		rows = append(rows, l)
	}
	slices.SortFunc(rows, func(a, b *lock) int { return a.serial - b.serial })
	holders := make([]LockHolder, 0, len(rows))
	for _, l := range rows {
		parts := strings.Split(l.name, ":")
		holders = append(holders, LockHolder{
			Type: parts[1], Resource: parts[2:], Task: strconv.Itoa(l.task),
			Timeout: fmt.Sprintf("%.6f", float64(q.expires(l).UnixMicro())/1e6),
		})
	}
	return holders
}

func (q *Queue) listLocks(c *api.Call) { c.JSON(q.Locks()) }

// Locked says whether a deployment's lock is held. The caller holds the lock.
func (q *Queue) Locked(deployment string) bool {
	l := q.locks[DeploymentLock(deployment)]
	return l != nil && q.Now().Before(q.expires(l))
}

// DeploymentLock is the name of the lock of a deployment.
func DeploymentLock(name string) string { return "lock:deployment:" + name }
