package task

import (
	"context"
	"errors"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
)

// pickup is how long a free worker takes to notice a queued task.
const pickup = 300 * time.Millisecond

var (
	// errCancelled ends the work of a task that was cancelled.
	errCancelled = errors.New("cancel task")
	// ErrGone ends the work of a task whose worker died or whose director is closed.
	ErrGone = errors.New("stop worker")
)

// Job is a task being worked on.
type Job struct {
	queue *Queue
	Task  *Row
	Ctx   context.Context // ends when the worker dies
}

// dispatch starts queued tasks while workers are free. The caller holds the lock.
func (q *Queue) dispatch() {
	for q.busy < q.workers && len(q.waiting) > 0 && q.ctx.Err() == nil {
		t := q.waiting[0]
		q.waiting = q.waiting[1:]
		q.busy++
		ctx, kill := context.WithCancel(q.ctx)
		t.kill = kill
		q.running.Go(func() {
			defer kill()
			(&Job{queue: q, Task: t, Ctx: ctx}).run()
			q.Lock()
			q.busy--
			q.dispatch()
			q.Unlock()
		})
	}
}

// SetWorkers changes how many tasks are worked on at the same time. Workers
// that are busy finish their task first.
func (q *Queue) SetWorkers(n int) {
	q.Lock()
	defer q.Unlock()
	q.workers = n
	q.dispatch()
}

// run works a task from queued to its end.
func (j *Job) run() {
	if j.Sleep(pickup) != nil {
		return
	}
	result, err := "", errCancelled
	if j.begin() {
		result, err = j.Task.Work(j)
	}
	j.queue.Lock()
	defer j.queue.Unlock()
	t := j.Task
	if t.frozen || errors.Is(err, ErrGone) {
		return
	}
	t.timestamp = j.queue.Now()
	switch {
	case err == nil:
		t.state, t.result = StateDone, cut(result)
	case errors.Is(err, errCancelled):
		t.state, t.result = StateCancelled, "task cancelled"
		j.fatal(AsFailure(j.named(err)))
	default:
		f := AsFailure(err)
		t.state, t.result = StateError, cut(f.Message)
		j.fatal(f)
	}
	close(t.done)
}

// begin marks the task as started and says whether to: a task that was
// cancelled while it was queued never starts.
func (j *Job) begin() bool {
	j.queue.Lock()
	defer j.queue.Unlock()
	if j.Task.state == StateCancelling {
		return false
	}
	j.Task.state, j.Task.started = StateProcessing, j.queue.Now()
	j.Task.timestamp = j.Task.started
	return true
}

// Checkpoint is where work looks whether it was cancelled.
func (j *Job) Checkpoint() error {
	if j.Ctx.Err() != nil {
		return ErrGone
	}
	j.queue.Lock()
	defer j.queue.Unlock()
	if j.Task.state == StateCancelling {
		return errCancelled
	}
	return nil
}

// Sleep spends a duration of the real director; it ends early with errGone only.
func (j *Job) Sleep(real time.Duration) error { return j.wait(j.queue.Scaled(real)) }

func (j *Job) wait(duration time.Duration) error {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-j.Ctx.Done():
		return ErrGone
	case <-timer.C:
		return nil
	}
}

// Change changes the director's state, unless the worker died: then it fails with errGone.
func (j *Job) Change(apply func()) error {
	j.queue.Lock()
	defer j.queue.Unlock()
	if j.Task.frozen || j.Ctx.Err() != nil {
		return ErrGone
	}
	apply()
	return nil
}

// AsFailure gives an error the code with which the event log shows it: 100 is
// what every error of the director without a code of its own has.
func AsFailure(err error) *api.Failure {
	var f *api.Failure
	if errors.As(err, &f) {
		return f
	}
	return &api.Failure{Code: 100, Message: err.Error()}
}
