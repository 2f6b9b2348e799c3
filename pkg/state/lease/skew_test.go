package lease_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/state/lease"
	"github.com/perpetual-ci/perpetual/pkg/state/statetest"
)

// A live lease survives what any clock shows.
func TestLease_isNotStolenByAWrongClock(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct{ holder, store, jump time.Duration }{
		{0, 0, 0}, {day, 0, 0}, {-day, 0, 0}, {0, day, 0}, {0, -day, 0}, {day, -day, 0}, {-10 * time.Minute, 10 * time.Minute, 0},
		{0, 0, day}, {0, 0, -day}, {day, 0, 10 * time.Minute}, {0, day, -10 * time.Minute},
	} {
		t.Run(fmt.Sprintf("holder %s, store %s, jumps %s", c.holder, c.store, c.jump), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := statetest.NewMemory()
				store.Jump(c.store)
				taken, err := lease.Acquire(t.Context(), &statetest.View{Memory: store}, leaseName, lease.Holder{Purpose: "out"}, lease.Options{
					TTL: ttl, Clock: func() time.Time { return time.Now().Add(c.holder) },
				})
				if err != nil {
					t.Fatal(err)
				}
				defer taken.Release(t.Context())
				for range 5 {
					time.Sleep(25 * time.Second)
					store.Jump(c.jump)
					refused(t, &statetest.View{Memory: store})
					if taken.Err() != nil {
						t.Fatalf("lost: %v", taken.Err())
					}
				}
			})
		})
	}
}

// world runs processes that want one lease, and counts who has it.
type world struct {
	t       *testing.T
	store   *statetest.Memory
	holding atomic.Int32
	turns   atomic.Int32
}

// process takes and releases the lease, or dies, with its own clock and network.
func (w *world) process(seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	rate := 0.97 + 0.06*rng.Float64()
	offset := time.Duration(rng.Int64N(int64(48*time.Hour))) - 24*time.Hour
	start := time.Now()
	clock := func() time.Time {
		return start.Add(offset + time.Duration(float64(time.Since(start))*rate))
	}
	var dead atomic.Bool
	var mu sync.Mutex
	store := &statetest.View{Memory: w.store, Fault: func(string) statetest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if dead.Load() {
			return []statetest.Fault{statetest.Cut, statetest.Hang}[rng.IntN(2)]
		}
		if rng.IntN(8) == 0 {
			return []statetest.Fault{statetest.Cut, statetest.LostReply, statetest.Hang}[rng.IntN(3)]
		}
		return statetest.Fine
	}}
	pause := func(most time.Duration) time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return time.Duration(rng.Int64N(int64(most)))
	}
	for range 30 {
		time.Sleep(pause(ttl))
		ctx, cancel := context.WithTimeout(w.t.Context(), 2*ttl)
		taken, err := lease.Acquire(ctx, store, leaseName, lease.Holder{Purpose: fmt.Sprint(seed)}, lease.Options{TTL: ttl, Clock: clock})
		cancel()
		if err != nil {
			continue
		}
		w.hold(taken, pause(3*ttl), func() { dead.Store(pause(3) == 0) })
		release, cancel := context.WithTimeout(w.t.Context(), ttl)
		_ = taken.Release(release)
		cancel()
		dead.Store(false)
	}
}

// hold works under the lease for a while or until it is lost.
func (w *world) hold(taken *lease.Lease, work time.Duration, die func()) {
	ctx, cancel := taken.Context(w.t.Context())
	defer cancel()
	if taken.Err() != nil {
		return
	}
	if n := w.holding.Add(1); n != 1 {
		w.t.Errorf("%d hold the lease at %s", n, time.Now())
	}
	w.turns.Add(1)
	die()
	select {
	case <-ctx.Done():
		if cause := context.Cause(ctx); !errors.Is(cause, lease.ErrLost) {
			w.t.Errorf("cause %v", cause)
		}
	case <-time.After(work):
	}
	w.holding.Add(-1)
}

// Processes with wrong clocks, lost replies, dead networks and sudden ends never
// hold the lease at the same time, and it never stays stuck.
func TestLease_excludesOverRandomSchedules(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &world{t: t, store: statetest.NewMemory()}
				w.store.Jump(time.Duration(seed%5-2) * 12 * time.Hour)
				var group sync.WaitGroup
				for i := range uint64(4) {
					group.Go(func() { w.process(seed*10 + i) })
				}
				group.Wait()
				if w.turns.Load() < 10 {
					t.Errorf("the lease was held %d times only", w.turns.Load())
				}
			})
		})
	}
}
