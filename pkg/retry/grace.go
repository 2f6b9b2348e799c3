package retry

import (
	"context"
	"time"
)

// Grace is a context that outlives ctx by a while: what was done is noted also by a run that
// is told to end. While ctx goes on it has no deadline of its own, since a slow peer is no
// reason to forget what was done.
func Grace(ctx context.Context, while time.Duration) (context.Context, context.CancelFunc) {
	grace, end := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(while, func() { end(context.DeadlineExceeded) })
		context.AfterFunc(grace, func() { timer.Stop() })
	})
	return grace, func() {
		stop()
		end(context.Canceled)
	}
}
