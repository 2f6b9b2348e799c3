package lease_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/state/lease"
	"github.com/perpetual-ci/perpetual/pkg/state/statetest"
)

// A holder that lives may be a little late, and a store gives times in whole seconds:
// past its TTL a lease is not stale yet.
func TestHeldError_isStaleOnlyAfterAMargin(t *testing.T) {
	for _, c := range []struct {
		ttl, age time.Duration
		stale    bool
	}{
		{2 * time.Minute, 2 * time.Minute, false},
		{2 * time.Minute, 133 * time.Second, false},
		{2 * time.Minute, 134 * time.Second, false},
		{2 * time.Minute, 135 * time.Second, true},
		{10 * time.Second, 12 * time.Second, false},
		{10 * time.Second, 13 * time.Second, false},
		{10 * time.Second, 14 * time.Second, true},
		{time.Second, 3 * time.Second, false},
	} {
		held := &lease.HeldError{TTL: c.ttl, Age: c.age}
		if held.Stale() != c.stale {
			t.Errorf("a TTL of %s, renewed %s ago: stale is %v", c.ttl, c.age, held.Stale())
		}
	}
}

func TestAcquire_leavesALeaseAloneWithinTheMargin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dead atomic.Bool
		store := statetest.NewMemory()
		holder := &statetest.View{Memory: store, Fault: func(string) statetest.Fault {
			if dead.Load() {
				return statetest.Cut
			}
			return statetest.Fine
		}}
		taken, since := acquire(t, holder, "deploy ci"), time.Now()
		dead.Store(true)
		for _, age := range []time.Duration{ttl + time.Second, ttl + ttl/10 + time.Second} {
			time.Sleep(age - time.Since(since))
			began := time.Now()
			held := refused(t, &statetest.View{Memory: store})
			if held.Stale() || time.Since(began) > 0 {
				t.Errorf("%s after its renewal: stale %v, refused after %s", held.Age, held.Stale(), time.Since(began))
			}
		}
		time.Sleep(3 * time.Second)
		next := acquire(t, &statetest.View{Memory: store}, "the next")
		dead.Store(false)
		_ = taken.Release(t.Context())
		if err := next.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
