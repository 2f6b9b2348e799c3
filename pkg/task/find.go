package task

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// defaultAcceptance is how long a task is looked for after its reply was lost.
// The director makes the task before it answers, so a task that does not show
// up while the director answers other questions was never made.
const defaultAcceptance = 30 * time.Second

// Finder finds the tasks of submissions whose answers were lost.
type Finder struct {
	Director   Director
	Acceptance time.Duration // how long a task is looked for; 0 is 30 s
	Poll       time.Duration // between two looks
	Say        func(format string, args ...any)
	Debug      *slog.Logger // nil: nothing is logged
}

// Find looks for the task of a lost answer until it is there, or until it is
// certain that there is none, which is 0. An error means that nobody knows.
func (f Finder) Find(ctx context.Context, contextID string, known int) (int, error) {
	began := time.Now()
	said := began
	for until := began.Add(cmp.Or(f.Acceptance, defaultAcceptance)); ; {
		tasks, err := f.Director.Tasks(ctx, bosh.TaskFilter{ContextID: contextID, All: true})
		for _, t := range ByID(tasks) {
			if t.ID > known {
				return t.ID, nil
			}
		}
		if err == nil && time.Now().After(until) {
			return 0, nil
		}
		if err != nil && time.Since(said) > time.Minute {
			said = time.Now()
			f.Say("still looking, after %s: %v", said.Sub(began).Round(time.Second), err)
		}
		if f.Debug != nil {
			f.Debug.DebugContext(ctx, "looking again", "in", f.Poll, "for", "a task with context id "+contextID)
		}
		if pauseErr := retry.Sleep(ctx, f.Poll); pauseErr != nil {
			if err != nil {
				pauseErr = fmt.Errorf("%w; list tasks: %w", pauseErr, err)
			}
			return 0, pauseErr
		}
	}
}
