package director

import (
	"context"
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/store"
)

// queue is the task table of a director, with its locks and the workers that take what
// is queued.
type queue struct {
	*store.Store
	lockWait time.Duration // wait for a deployment's lock by the store's clock
	// teamsOf says whose a deployment is, for the tasks of it. Its caller holds the lock.
	teamsOf func(deployment string) (teams []string, exists bool)

	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	workers int
	busy    int
	waiting []*row
	tasks   []*row
	locks   map[string]*lock
}

// newQueue makes an empty queue. Its workers live until ctx ends or Close is called.
func newQueue(ctx context.Context, s *store.Store, workers int, lockWait time.Duration) *queue {
	ctx, cancel := context.WithCancel(ctx)
	return &queue{Store: s, lockWait: lockWait, workers: workers, ctx: ctx, cancel: cancel, locks: map[string]*lock{}}
}

// Close cancels what runs and waits for it. Tasks that were running stay as they are.
func (q *queue) Close() {
	q.Lock() // so that nothing begins to run beside the wait
	q.cancel()
	q.Unlock()
	q.running.Wait()
}

// Go runs f beside the workers until the context that it is given ends; Close waits for it.
// After Close it does nothing.
func (q *queue) Go(f func(ctx context.Context)) {
	q.Lock()
	defer q.Unlock()
	if q.ctx.Err() == nil {
		q.running.Go(func() { f(q.ctx) })
	}
}
