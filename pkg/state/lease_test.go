package state_test

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
)

const (
	leaseName = "lease/concourse.json"
	ttl       = time.Minute
)

// acquire takes the lease for a holder named by purpose.
func acquire(t *testing.T, store state.Store, purpose string) *state.Lease {
	t.Helper()
	lease, err := state.Acquire(t.Context(), store, leaseName, state.Holder{Purpose: purpose, Host: "web-1", PID: 42}, state.LeaseOptions{TTL: ttl})
	if err != nil {
		t.Fatalf("acquire for %s: %v", purpose, err)
	}
	t.Cleanup(func() { _ = lease.Release(context.WithoutCancel(t.Context())) })
	return lease
}

// refused tries to take the lease and wants it held.
func refused(t *testing.T, store state.Store) *state.HeldError {
	t.Helper()
	lease, err := state.Acquire(t.Context(), store, leaseName, state.Holder{Purpose: "intruder"}, state.LeaseOptions{TTL: ttl})
	var held *state.HeldError
	if !errors.As(err, &held) {
		if lease != nil {
			_ = lease.Release(t.Context())
		}
		t.Fatalf("acquire: lease %v, error %v; want it held", lease, err)
	}
	return held
}

func TestLease_isHeldByOneOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		var group sync.WaitGroup
		leases := make([]*state.Lease, 16)
		for i := range leases {
			group.Go(func() {
				lease, err := state.Acquire(t.Context(), &view{memory: store}, leaseName, state.Holder{Purpose: "out"}, state.LeaseOptions{})
				var held *state.HeldError
				if err != nil && !errors.As(err, &held) {
					t.Error(err)
				}
				leases[i] = lease
			})
		}
		group.Wait()
		count := 0
		for _, lease := range leases {
			if lease != nil {
				count++
				defer lease.Release(t.Context())
			}
		}
		if count != 1 {
			t.Errorf("%d hold it", count)
		}
	})
}

func TestLease_saysWhoHoldsItAndHowToBreakIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &view{memory: newMemory()}
		since := time.Now().UTC().Format(time.RFC3339)
		lease := acquire(t, store, "out concourse")
		time.Sleep(95 * time.Second)
		held := refused(t, store)
		for _, part := range []string{`"out concourse"`, "host web-1", "pid 42", since, "15s ago", "perpetual unlock --id " + lease.ID()} {
			if !strings.Contains(held.Error(), part) {
				t.Errorf("%q does not say %q", held, part)
			}
		}
		if held.ID != lease.ID() || held.Age != 15*time.Second || held.TTL != ttl || held.Holder.Purpose != "out concourse" {
			t.Errorf("held %+v", held)
		}
	})
}

// Whoever only looks changes nothing, and is told of a holder until he has given it back.
func TestHeldBy_looksAndTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &view{memory: newMemory()}
		if held, err := state.HeldBy(t.Context(), store, leaseName); held != nil || err != nil {
			t.Errorf("before anybody has had it: %v, %v", held, err)
		}
		lease := acquire(t, store, "deploy ci")
		held, err := state.HeldBy(t.Context(), store, leaseName)
		if err != nil || held == nil || held.ID != lease.ID() || held.Holder.Purpose != "deploy ci" || held.Stale() {
			t.Errorf("while it is held: %+v, %v", held, err)
		}
		if err := lease.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		if held, err := state.HeldBy(t.Context(), store, leaseName); held != nil || err != nil {
			t.Errorf("when it was given back: %v, %v", held, err)
		}
	})
}

func TestLease_isRenewedUntilItIsReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &view{memory: newMemory()}
		lease := acquire(t, store, "out")
		ctx, cancel := lease.Context(t.Context())
		defer cancel()
		for range 60 {
			time.Sleep(ttl)
			refused(t, store)
		}
		if ctx.Err() != nil || lease.Err() != nil {
			t.Fatalf("lost: %v", context.Cause(ctx))
		}
		if err := lease.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !errors.Is(context.Cause(ctx), state.ErrReleased) || !errors.Is(lease.Err(), state.ErrReleased) {
			t.Errorf("after the release: cause %v, Err %v", context.Cause(ctx), lease.Err())
		}
		next := acquire(t, store, "next")
		if err := lease.Release(t.Context()); err != nil {
			t.Errorf("second release: %v", err)
		}
		writes := store.count()
		if err := lease.Release(t.Context()); err != nil || store.count() != writes {
			t.Errorf("third release: %v, %d writes more", err, store.count()-writes)
		}
		if held := refused(t, store); held.ID != next.ID() {
			t.Errorf("held by %q", held.ID)
		}
	})
}

// A holder that is cut off stops strictly before anyone else may start.
func TestLease_isLostBeforeOthersCanHaveIt(t *testing.T) {
	for name, kind := range map[string]fault{"refused": cut, "hangs": hang} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newMemory()
				var off atomic.Bool
				lease := acquire(t, &view{memory: store, fault: func(string) fault {
					if off.Load() {
						return kind
					}
					return fine
				}}, "out")
				ctx, cancel := lease.Context(t.Context())
				defer cancel()
				time.Sleep(30 * time.Second) // renewed at 20 s
				off.Store(true)
				start := time.Now().Add(-10 * time.Second) // of the last renewal
				<-ctx.Done()
				lost := time.Since(start)
				if !errors.Is(context.Cause(ctx), state.ErrLost) || !errors.Is(lease.Err(), state.ErrLost) {
					t.Errorf("cause %v, Err %v", context.Cause(ctx), lease.Err())
				}
				if lost >= ttl || lost < ttl/2 {
					t.Errorf("lost %s after the last renewal, the TTL is %s", lost, ttl)
				}
				other := &view{memory: store}
				for time.Since(start) <= ttl {
					refused(t, other)
					time.Sleep(time.Second)
				}
				time.Sleep(10 * time.Second)
				acquire(t, other, "next")
				if err := lease.Release(t.Context()); kind == cut && err == nil {
					t.Error("released while it was cut off")
				}
			})
		})
	}
}

func TestLease_isLostWhenTheProcessWasFrozen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var frozen atomic.Int64 // how much later it is than the timers know
		lease, err := state.Acquire(t.Context(), &view{memory: newMemory()}, leaseName, state.Holder{Purpose: "out"}, state.LeaseOptions{
			TTL: ttl, Clock: func() time.Time { return time.Now().Add(time.Duration(frozen.Load())) },
		})
		if err != nil {
			t.Fatal(err)
		}
		defer lease.Release(t.Context())
		if lease.Err() != nil {
			t.Fatalf("lost at once: %v", lease.Err())
		}
		frozen.Store(int64(ttl))
		if !errors.Is(lease.Err(), state.ErrLost) {
			t.Errorf("Err() = %v, want ErrLost before any timer runs", lease.Err())
		}
	})
}

func TestLease_isLostToOneWhoTookIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &view{memory: newMemory()}
		lease := acquire(t, store, "out")
		ctx, cancel := lease.Context(t.Context())
		defer cancel()
		if err := state.Unlock(t.Context(), store, leaseName, lease.ID()); err != nil {
			t.Fatal(err)
		}
		next := acquire(t, store, "next run")
		time.Sleep(ttl / 2)
		if cause := context.Cause(ctx); !errors.Is(cause, state.ErrLost) || !strings.Contains(cause.Error(), "next run") {
			t.Errorf("cause %v, want ErrLost that names the other", cause)
		}
		if err := lease.Release(t.Context()); !errors.Is(err, state.ErrLost) {
			t.Errorf("release: %v, want ErrLost", err)
		}
		if held := refused(t, store); held.ID != next.ID() || next.Err() != nil {
			t.Errorf("held by %q (%v)", held.ID, next.Err())
		}
	})
}

func TestLease_survivesLostReplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		var n atomic.Int32
		lossy := &view{memory: store, fault: func(call string) fault {
			if i := n.Add(1); call == "put" && i%2 == 0 {
				return lostReply
			}
			return fine
		}}
		for range 5 {
			lease := acquire(t, lossy, "out")
			ctx, cancel := lease.Context(t.Context())
			time.Sleep(10 * ttl)
			if ctx.Err() != nil {
				t.Fatalf("lost: %v", context.Cause(ctx))
			}
			refused(t, &view{memory: store})
			for lease.Release(t.Context()) != nil {
				time.Sleep(time.Second)
			}
			cancel()
			free := acquire(t, &view{memory: store}, "next")
			if err := free.Release(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestLease_isTakenOverByOneWhenItIsStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		var dead atomic.Bool
		acquire(t, &view{memory: store, fault: func(string) fault { return map[bool]fault{true: cut}[dead.Load()] }}, "dead")
		dead.Store(true)
		time.Sleep(2 * ttl)
		var group sync.WaitGroup
		var mu sync.Mutex
		count := 0
		for range 8 {
			group.Go(func() {
				lease, err := state.Acquire(t.Context(), &view{memory: store}, leaseName, state.Holder{Purpose: "out"}, state.LeaseOptions{TTL: ttl})
				var held *state.HeldError
				switch {
				case err == nil:
					mu.Lock()
					count++
					mu.Unlock()
					time.Sleep(ttl)
					_ = lease.Release(t.Context())
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
		store := &view{memory: newMemory()}
		if err := state.Unlock(t.Context(), store, leaseName, "x"); !errors.Is(err, state.ErrNotFound) {
			t.Errorf("of nothing: %v", err)
		}
		lease := acquire(t, store, "out")
		var held *state.HeldError
		if err := state.Unlock(t.Context(), store, leaseName, "x"); !errors.As(err, &held) || held.ID != lease.ID() {
			t.Errorf("of another id: %v", err)
		}
		if err := state.Unlock(t.Context(), store, leaseName, ""); !errors.As(err, &held) {
			t.Errorf("of no id: %v", err)
		}
		refused(t, store)
		if err := state.Unlock(t.Context(), store, leaseName, lease.ID()); err != nil {
			t.Error(err)
		}
		if err := state.Unlock(t.Context(), store, leaseName, lease.ID()); !errors.Is(err, state.ErrNotFound) {
			t.Errorf("again: %v", err)
		}
		time.Sleep(ttl / 2)
		if !errors.Is(lease.Err(), state.ErrLost) {
			t.Errorf("the old holder's Err() = %v", lease.Err())
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
			store := &view{memory: newMemory()}
			if _, err := store.Put(t.Context(), leaseName, []byte(body), ""); err != nil {
				t.Fatal(err)
			}
			_, err := state.Acquire(t.Context(), store, leaseName, state.Holder{}, state.LeaseOptions{})
			var newer *state.NewerError
			if err == nil || store.count() != 1 || errors.As(err, &newer) != (name == "newer") || !strings.Contains(err.Error(), leaseName) {
				t.Errorf("error %v, %d writes", err, store.count())
			}
		})
	}
}
