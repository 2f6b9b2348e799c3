package retry_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/retry"
)

func TestGrace_beginsWhenTheContextHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		grace, done := retry.Grace(ctx, 5*time.Second)
		defer done()
		time.Sleep(time.Hour)
		if err := grace.Err(); err != nil {
			t.Fatalf("while the context goes on it has ended: %v", err)
		}
		interrupt()
		time.Sleep(4 * time.Second)
		if err := grace.Err(); err != nil {
			t.Fatalf("it ended before its while was over: %v", err)
		}
		time.Sleep(2 * time.Second)
		if err := context.Cause(grace); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it ends with %v", err)
		}
		ended, over := retry.Grace(ctx, 5*time.Second)
		defer over()
		if time.Sleep(4 * time.Second); ended.Err() != nil {
			t.Errorf("one of a context that has ended has no while: %v", ended.Err())
		}
		if time.Sleep(2 * time.Second); ended.Err() == nil {
			t.Error("one of a context that has ended does not end")
		}
	})
}
