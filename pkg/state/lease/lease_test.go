package lease_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/state"
	"github.com/perpetual-ci/perpetual/pkg/state/lease"
	"github.com/perpetual-ci/perpetual/pkg/state/statetest"
)

const (
	leaseName = "lease/concourse.json"
	ttl       = time.Minute
)

// acquire takes the lease for a holder named by purpose.
func acquire(t *testing.T, store state.Store, purpose string) *lease.Lease {
	t.Helper()
	taken, err := lease.Acquire(t.Context(), store, leaseName, lease.Holder{Purpose: purpose, Host: "web-1", PID: 42}, lease.Options{TTL: ttl})
	if err != nil {
		t.Fatalf("acquire for %s: %v", purpose, err)
	}
	t.Cleanup(func() { _ = taken.Release(context.WithoutCancel(t.Context())) })
	return taken
}

// refused tries to take the lease and wants it held.
func refused(t *testing.T, store state.Store) *lease.HeldError {
	t.Helper()
	taken, err := lease.Acquire(t.Context(), store, leaseName, lease.Holder{Purpose: "intruder"}, lease.Options{TTL: ttl})
	var held *lease.HeldError
	if !errors.As(err, &held) {
		if taken != nil {
			_ = taken.Release(t.Context())
		}
		t.Fatalf("acquire: lease %v, error %v; want it held", taken, err)
	}
	return held
}

func TestLease_isHeldByOneOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := statetest.NewMemory()
		var group sync.WaitGroup
		leases := make([]*lease.Lease, 16)
		for i := range leases {
			group.Go(func() {
				taken, err := lease.Acquire(t.Context(), &statetest.View{Memory: store}, leaseName, lease.Holder{Purpose: "out"}, lease.Options{})
				var held *lease.HeldError
				if err != nil && !errors.As(err, &held) {
					t.Error(err)
				}
				leases[i] = taken
			})
		}
		group.Wait()
		count := 0
		for _, taken := range leases {
			if taken != nil {
				count++
				defer taken.Release(t.Context())
			}
		}
		if count != 1 {
			t.Errorf("%d hold it", count)
		}
	})
}

func TestLease_saysWhoHoldsItAndHowToBreakIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &statetest.View{Memory: statetest.NewMemory()}
		since := time.Now().UTC().Format(time.RFC3339)
		taken := acquire(t, store, "out concourse")
		time.Sleep(95 * time.Second)
		held := refused(t, store)
		for _, part := range []string{`"out concourse"`, "host web-1", "pid 42", since, "15s ago", "perpetual unlock --id " + taken.ID()} {
			if !strings.Contains(held.Error(), part) {
				t.Errorf("%q does not say %q", held, part)
			}
		}
		if held.ID != taken.ID() || held.Age != 15*time.Second || held.TTL != ttl || held.Holder.Purpose != "out concourse" {
			t.Errorf("held %+v", held)
		}
	})
}

// Whoever only looks changes nothing, and is told of a holder until he has given it back.
func TestHeldBy_looksAndTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &statetest.View{Memory: statetest.NewMemory()}
		if held, err := lease.HeldBy(t.Context(), store, leaseName); held != nil || err != nil {
			t.Errorf("before anybody has had it: %v, %v", held, err)
		}
		taken := acquire(t, store, "deploy ci")
		held, err := lease.HeldBy(t.Context(), store, leaseName)
		if err != nil || held == nil || held.ID != taken.ID() || held.Holder.Purpose != "deploy ci" || held.Stale() {
			t.Errorf("while it is held: %+v, %v", held, err)
		}
		if err := taken.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		if held, err := lease.HeldBy(t.Context(), store, leaseName); held != nil || err != nil {
			t.Errorf("when it was given back: %v, %v", held, err)
		}
	})
}

func TestLease_isRenewedUntilItIsReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &statetest.View{Memory: statetest.NewMemory()}
		taken := acquire(t, store, "out")
		ctx, cancel := taken.Context(t.Context())
		defer cancel()
		for range 60 {
			time.Sleep(ttl)
			refused(t, store)
		}
		if ctx.Err() != nil || taken.Err() != nil {
			t.Fatalf("lost: %v", context.Cause(ctx))
		}
		if err := taken.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !errors.Is(context.Cause(ctx), lease.ErrReleased) || !errors.Is(taken.Err(), lease.ErrReleased) {
			t.Errorf("after the release: cause %v, Err %v", context.Cause(ctx), taken.Err())
		}
		next := acquire(t, store, "next")
		if err := taken.Release(t.Context()); err != nil {
			t.Errorf("second release: %v", err)
		}
		writes := store.Writes()
		if err := taken.Release(t.Context()); err != nil || store.Writes() != writes {
			t.Errorf("third release: %v, %d writes more", err, store.Writes()-writes)
		}
		if held := refused(t, store); held.ID != next.ID() {
			t.Errorf("held by %q", held.ID)
		}
	})
}

// A holder that is cut off stops strictly before anyone else may start.
func TestLease_isLostBeforeOthersCanHaveIt(t *testing.T) {
	for name, kind := range map[string]statetest.Fault{"refused": statetest.Cut, "hangs": statetest.Hang} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := statetest.NewMemory()
				var off atomic.Bool
				taken := acquire(t, &statetest.View{Memory: store, Fault: func(string) statetest.Fault {
					if off.Load() {
						return kind
					}
					return statetest.Fine
				}}, "out")
				ctx, cancel := taken.Context(t.Context())
				defer cancel()
				time.Sleep(30 * time.Second) // renewed at 20 s
				off.Store(true)
				start := time.Now().Add(-10 * time.Second) // of the last renewal
				<-ctx.Done()
				lost := time.Since(start)
				if !errors.Is(context.Cause(ctx), lease.ErrLost) || !errors.Is(taken.Err(), lease.ErrLost) {
					t.Errorf("cause %v, Err %v", context.Cause(ctx), taken.Err())
				}
				if lost >= ttl || lost < ttl/2 {
					t.Errorf("lost %s after the last renewal, the TTL is %s", lost, ttl)
				}
				other := &statetest.View{Memory: store}
				for time.Since(start) <= ttl {
					refused(t, other)
					time.Sleep(time.Second)
				}
				time.Sleep(10 * time.Second)
				acquire(t, other, "next")
				if err := taken.Release(t.Context()); kind == statetest.Cut && err == nil {
					t.Error("released while it was cut off")
				}
			})
		})
	}
}

func TestLease_isLostWhenTheProcessWasFrozen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var frozen atomic.Int64 // how much later it is than the timers know
		taken, err := lease.Acquire(t.Context(), &statetest.View{Memory: statetest.NewMemory()}, leaseName, lease.Holder{Purpose: "out"}, lease.Options{
			TTL: ttl, Clock: func() time.Time { return time.Now().Add(time.Duration(frozen.Load())) },
		})
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Release(t.Context())
		if taken.Err() != nil {
			t.Fatalf("lost at once: %v", taken.Err())
		}
		frozen.Store(int64(ttl))
		if !errors.Is(taken.Err(), lease.ErrLost) {
			t.Errorf("Err() = %v, want ErrLost before any timer runs", taken.Err())
		}
	})
}

func TestLease_isLostToOneWhoTookIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &statetest.View{Memory: statetest.NewMemory()}
		taken := acquire(t, store, "out")
		ctx, cancel := taken.Context(t.Context())
		defer cancel()
		if err := lease.Unlock(t.Context(), store, leaseName, taken.ID()); err != nil {
			t.Fatal(err)
		}
		next := acquire(t, store, "next run")
		time.Sleep(ttl / 2)
		if cause := context.Cause(ctx); !errors.Is(cause, lease.ErrLost) || !strings.Contains(cause.Error(), "next run") {
			t.Errorf("cause %v, want ErrLost that names the other", cause)
		}
		if err := taken.Release(t.Context()); !errors.Is(err, lease.ErrLost) {
			t.Errorf("release: %v, want ErrLost", err)
		}
		if held := refused(t, store); held.ID != next.ID() || next.Err() != nil {
			t.Errorf("held by %q (%v)", held.ID, next.Err())
		}
	})
}

func TestLease_survivesLostReplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := statetest.NewMemory()
		var n atomic.Int32
		lossy := &statetest.View{Memory: store, Fault: func(call string) statetest.Fault {
			if i := n.Add(1); call == "put" && i%2 == 0 {
				return statetest.LostReply
			}
			return statetest.Fine
		}}
		for range 5 {
			taken := acquire(t, lossy, "out")
			ctx, cancel := taken.Context(t.Context())
			time.Sleep(10 * ttl)
			if ctx.Err() != nil {
				t.Fatalf("lost: %v", context.Cause(ctx))
			}
			refused(t, &statetest.View{Memory: store})
			for taken.Release(t.Context()) != nil {
				time.Sleep(time.Second)
			}
			cancel()
			free := acquire(t, &statetest.View{Memory: store}, "next")
			if err := free.Release(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestLease_isTakenOverByOneWhenItIsStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := statetest.NewMemory()
		var dead atomic.Bool
		acquire(t, &statetest.View{Memory: store, Fault: func(string) statetest.Fault { return map[bool]statetest.Fault{true: statetest.Cut}[dead.Load()] }}, "dead")
		dead.Store(true)
		time.Sleep(2 * ttl)
		var group sync.WaitGroup
		var mu sync.Mutex
		count := 0
		for range 8 {
			group.Go(func() {
				taken, err := lease.Acquire(t.Context(), &statetest.View{Memory: store}, leaseName, lease.Holder{Purpose: "out"}, lease.Options{TTL: ttl})
				var held *lease.HeldError
				switch {
				case err == nil:
					mu.Lock()
					count++
					mu.Unlock()
					time.Sleep(ttl)
					_ = taken.Release(t.Context())
				case !errors.As(err, &held):
					t.Error(err)
				}
			})
		}
		group.Wait()
		if count != 1 {
			t.Errorf("%d took it over", count)
		}
	})
}

func TestUnlock_breaksOnlyTheLeaseOfThatID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &statetest.View{Memory: statetest.NewMemory()}
		if err := lease.Unlock(t.Context(), store, leaseName, "x"); !errors.Is(err, state.ErrNotFound) {
			t.Errorf("of nothing: %v", err)
		}
		taken := acquire(t, store, "out")
		var held *lease.HeldError
		if err := lease.Unlock(t.Context(), store, leaseName, "x"); !errors.As(err, &held) || held.ID != taken.ID() {
			t.Errorf("of another id: %v", err)
		}
		if err := lease.Unlock(t.Context(), store, leaseName, ""); !errors.As(err, &held) {
			t.Errorf("of no id: %v", err)
		}
		refused(t, store)
		if err := lease.Unlock(t.Context(), store, leaseName, taken.ID()); err != nil {
			t.Error(err)
		}
		if err := lease.Unlock(t.Context(), store, leaseName, taken.ID()); !errors.Is(err, state.ErrNotFound) {
			t.Errorf("again: %v", err)
		}
		time.Sleep(ttl / 2)
		if !errors.Is(taken.Err(), lease.ErrLost) {
			t.Errorf("the old holder's Err() = %v", taken.Err())
		}
		acquire(t, store, "next")
	})
}

func TestLease_refusesDocumentsItCannotJudge(t *testing.T) {
	for name, body := range map[string]string{
		"newer":      `{"schema": 2, "who": "knows"}`,
		"truncated":  `{"schema": 1, "id": "a", "ttl_mi`,
		"empty":      ``,
		"no id":      `{"schema": 1, "ttl_millis": 5}`,
		"no ttl":     `{"schema": 1, "id": "a"}`,
		"unknown":    `{"schema": 1, "id": "a", "ttl_millis": 5, "colour": "red"}`,
		"no schema":  `{"id": "a", "ttl_millis": 5}`,
		"an array":   `[1]`,
		"bad schema": `{"schema": -1, "id": "a", "ttl_millis": 5}`,
	} {
		t.Run(name, func(t *testing.T) {
			store := &statetest.View{Memory: statetest.NewMemory()}
			if _, err := store.Put(t.Context(), leaseName, []byte(body), ""); err != nil {
				t.Fatal(err)
			}
			_, err := lease.Acquire(t.Context(), store, leaseName, lease.Holder{}, lease.Options{})
			var newer *state.NewerError
			if err == nil || store.Writes() != 1 || errors.As(err, &newer) != (name == "newer") || !strings.Contains(err.Error(), leaseName) {
				t.Errorf("error %v, %d writes", err, store.Writes())
			}
		})
	}
}
