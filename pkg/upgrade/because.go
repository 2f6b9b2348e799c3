package upgrade

import (
	"context"
	"errors"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/state/lease"
)

// because adds to the error of a run that has lost its lease who has it now, what
// is still true, and what to do.
func (r *run) because(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if err == nil || ctx.Err() == nil || !errors.Is(cause, lease.ErrLost) {
		return retry.Because(ctx, err)
	}
	if !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	still := "this run has submitted no deploy"
	switch {
	case r.result.Task != 0:
		still = fmt.Sprintf("director task %d keeps running", r.result.Task)
	case r.sent != "":
		still = "whether the director has accepted a deploy of this run is not known: look for a task with context id " + r.sent
	}
	return fmt.Errorf("%w; %s; put again: it waits for whoever has the lease", err, still)
}
