package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/state/lease"
)

// hold takes the lease of the installation; of a state that is where an older release
// has kept it, that of the older release, too. What it gives ends when the lease is lost.
func (r *run) hold(ctx context.Context, purpose string) (held context.Context, release func(), err error) {
	if !r.old {
		return r.acquire(ctx, leaseName, purpose, &r.lease)
	}
	var before *lease.Lease
	r.heldOld = true
	outer, give, err := r.acquire(ctx, oldLeaseName, purpose, &before)
	if err != nil {
		return nil, nil, err
	}
	held, inner, err := r.acquire(outer, leaseName, purpose, &r.lease)
	if err != nil {
		give()
		return nil, nil, err
	}
	return held, func() { inner(); give() }, nil
}

// acquire takes one lease.
func (r *run) acquire(ctx context.Context, name, purpose string, target **lease.Lease) (held context.Context, release func(), err error) {
	host, _ := os.Hostname()
	taken, err := lease.Acquire(ctx, r.store, name, lease.Holder{Purpose: purpose, Host: host, PID: os.Getpid()},
		lease.Options{TTL: r.LeaseTTL, Debug: r.Log})
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
			end, stop := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
			defer stop()
			if err := taken.Release(end); err != nil {
				r.Progress.Warn(fmt.Sprintf("the lease was not given back: %v", err))
			}
		})
	}, nil
}
