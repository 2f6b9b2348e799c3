package document

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/legacy"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/state"
	"github.com/perpetual-ci/perpetual/pkg/state/lease"
)

// Attach takes a store whose documents are not read: for who only holds the lease.
func (s *Set) Attach(ctx context.Context, store state.Store) (err error) {
	s.store = store
	s.old, err = isOld(ctx, store)
	return err
}

// isOld says whether the state is where an older release has kept it, without reading
// more of it.
func isOld(ctx context.Context, store state.Store) (bool, error) {
	if now, err := exists(ctx, store, configurationName); err != nil || now {
		return false, err
	}
	return legacy.Found(ctx, store)
}

// LeaseOf is the name of the lease that counts in a store.
func LeaseOf(ctx context.Context, store state.Store) (string, error) {
	old, err := isOld(ctx, store)
	if err != nil {
		return "", fmt.Errorf("read the state: %w", err)
	}
	if old {
		return legacy.Lease, nil
	}
	return leaseName, nil
}

// Hold takes the lease of the installation; of a state that is where an older release
// has kept it, that of the older release, too. What it gives ends when the lease is lost.
func (s *Set) Hold(ctx context.Context, purpose string) (held context.Context, release func(), err error) {
	if !s.old {
		return s.acquire(ctx, leaseName, purpose, &s.lease)
	}
	var before *lease.Lease
	s.heldOld = true
	outer, give, err := s.acquire(ctx, legacy.Lease, purpose, &before)
	if err != nil {
		return nil, nil, err
	}
	held, inner, err := s.acquire(outer, leaseName, purpose, &s.lease)
	if err != nil {
		give()
		return nil, nil, err
	}
	return held, func() { inner(); give() }, nil
}

// acquire takes one lease.
func (s *Set) acquire(ctx context.Context, name, purpose string, target **lease.Lease) (held context.Context, release func(), err error) {
	host, _ := os.Hostname()
	taken, err := lease.Acquire(ctx, s.store, name, lease.Holder{Purpose: purpose, Host: host, PID: os.Getpid()},
		lease.Options{TTL: s.LeaseTTL, Debug: s.Log})
	var other *lease.HeldError
	if errors.As(err, &other) {
		return nil, nil, fmt.Errorf("another run is under way, nothing was changed: %w", err)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("take the lease of the installation: %w", err)
	}
	*target = taken
	held, cancel := taken.Context(ctx)
	var once sync.Once
	return held, func() {
		once.Do(func() {
			cancel()
			end, stop := retry.Grace(ctx, 3*time.Second)
			defer stop()
			if err := taken.Release(end); err != nil {
				s.Keys.Warn(fmt.Sprintf("the lease was not given back: %v", err))
			}
		})
	}, nil
}

// Saves says whether a run keeps what it finds: it has the lease, and has not deleted the
// documents.
func (s *Set) Saves() bool { return s.record != nil && s.lease != nil }
