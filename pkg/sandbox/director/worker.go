package director

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
	// errGone ends the work of a task whose worker died or whose director is closed.
	errGone = errors.New("stop worker")
)

// job is a task being worked on.
type job struct {
	queue *queue
	task  *row
	ctx   context.Context // ends when the worker dies
}

// dispatch starts queued tasks while workers are free. The caller holds the lock.
func (q *queue) dispatch() {
	for q.busy < q.workers && len(q.waiting) > 0 && q.ctx.Err() == nil {
		t := q.waiting[0]
		q.waiting = q.waiting[1:]
		q.busy++
		ctx, kill := context.WithCancel(q.ctx)
		t.kill = kill
		q.running.Go(func() {
			defer kill()
			(&job{queue: q, task: t, ctx: ctx}).run()
			q.Lock()
			q.busy--
			q.dispatch()
			q.Unlock()
		})
	}
}

// SetWorkers changes how many tasks are worked on at the same time. Workers
// that are busy finish their task first.
func (q *queue) SetWorkers(n int) {
	q.Lock()
	defer q.Unlock()
	q.workers = n
	q.dispatch()
}

// run works a task from queued to its end.
func (j *job) run() {
	if j.sleep(pickup) != nil {
		return
	}
	result, err := "", errCancelled
	if j.begin() {
		result, err = j.task.work(j)
	}
	j.queue.Lock()
	defer j.queue.Unlock()
	t := j.task
	if t.frozen || errors.Is(err, errGone) {
		return
	}
	t.timestamp = j.queue.Now()
	switch {
	case err == nil:
		t.state, t.result = StateDone, cut(result)
	case errors.Is(err, errCancelled):
		t.state, t.result = StateCancelled, "task cancelled"
		j.fatal(asFailure(j.named(err)))
	default:
		f := asFailure(err)
		t.state, t.result = StateError, cut(f.Message)
		j.fatal(f)
	}
	close(t.done)
}

// begin marks the task as started and says whether to: a task that was
// cancelled while it was queued never starts.
func (j *job) begin() bool {
	j.queue.Lock()
	defer j.queue.Unlock()
	if j.task.state == StateCancelling {
		return false
	}
	j.task.state, j.task.started = StateProcessing, j.queue.Now()
	j.task.timestamp = j.task.started
	return true
}

// checkpoint is where work looks whether it was cancelled.
func (j *job) checkpoint() error {
	if j.ctx.Err() != nil {
		return errGone
	}
	j.queue.Lock()
	defer j.queue.Unlock()
	if j.task.state == StateCancelling {
		return errCancelled
	}
	return nil
}

// sleep spends a duration of the real director; it ends early with errGone only.
func (j *job) sleep(real time.Duration) error { return j.wait(j.queue.Scaled(real)) }

func (j *job) wait(duration time.Duration) error {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-j.ctx.Done():
		return errGone
	case <-timer.C:
		return nil
	}
}

// change changes the director's state, unless the worker died: then it fails with errGone.
func (j *job) change(apply func()) error {
	j.queue.Lock()
	defer j.queue.Unlock()
	if j.task.frozen || j.ctx.Err() != nil {
		return errGone
	}
	apply()
	return nil
}

// asFailure gives an error the code with which the event log shows it: 100 is
// what every error of the director without a code of its own has.
func asFailure(err error) *api.Failure {
	var f *api.Failure
	if errors.As(err, &f) {
		return f
	}
	return &api.Failure{Code: 100, Message: err.Error()}
}
