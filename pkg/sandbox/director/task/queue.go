// Package task is the tasks of a simulated director: their table, the workers that work
// on them, the locks that they take, and the logs that they write.
package task

import (
	"context"
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/store"
)

// Queue is the task table of a director, with its locks and the workers that take what
// is queued.
type Queue struct {
	*store.Store
	LockWait time.Duration // wait for a deployment's lock by the store's clock
	// TeamsOf says whose a deployment is, for the tasks of it. Its caller holds the lock.
	TeamsOf func(deployment string) (teams []string, exists bool)

	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	workers int
	busy    int
	waiting []*Row
	tasks   []*Row
	locks   map[string]*lock
}

// New makes an empty queue. Its workers live until ctx ends or Close is called.
func New(ctx context.Context, s *store.Store, workers int, lockWait time.Duration) *Queue {
	ctx, cancel := context.WithCancel(ctx)
	return &Queue{Store: s, LockWait: lockWait, workers: workers, ctx: ctx, cancel: cancel, locks: map[string]*lock{}}
}

// Close cancels what runs and waits for it. Tasks that were running stay as they are.
func (q *Queue) Close() {
	q.Lock() // so that nothing begins to run beside the wait
	q.cancel()
	q.Unlock()
	q.running.Wait()
}

// Go runs f beside the workers until the context that it is given ends; Close waits for it.
// After Close it does nothing.
func (q *Queue) Go(f func(ctx context.Context)) {
	q.Lock()
	defer q.Unlock()
	if q.ctx.Err() == nil {
		q.running.Go(func() { f(q.ctx) })
	}
}
