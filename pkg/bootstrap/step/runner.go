package step

import (
	"context"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/crash"
)

// NamedOutcome is the outcome of a step.
type NamedOutcome struct {
	Step string // "infrastructure"
	Outcome
}

// Runner does steps one after another, and shows what becomes of them.
type Runner struct {
	Progress Progress
	Now      func() time.Time
	// Remember writes down what became of a step, before the next one begins.
	Remember func(ctx context.Context, step string, o Outcome) error
}

// Do does steps in order, and stops at the first that fails, with an *Error. It gives what
// became of those before.
func (r Runner) Do(ctx context.Context, steps []Step) (done []NamedOutcome, err error) {
	for _, s := range steps {
		if ctx.Err() != nil {
			return done, &Error{Step: s.Name, Err: context.Cause(ctx)}
		}
		crash.Here("before-" + s.Name)
		r.Progress.Begin(s.Name)
		begun := r.Now()
		outcome, err := s.Do(ctx)
		outcome.Took = r.Now().Sub(begun)
		if err != nil {
			outcome.Status, outcome.Report = Failed, err.Error()
			r.Progress.End(s.Name, outcome)
			return done, &Error{Step: s.Name, Err: Because(ctx, err)}
		}
		crash.Here("done-" + s.Name)
		if err := r.Remember(ctx, s.Name, outcome); err != nil {
			r.Progress.End(s.Name, Outcome{Status: Failed, Report: err.Error()})
			return done, &Error{Step: s.Name, Err: err}
		}
		crash.Here("after-" + s.Name)
		r.Progress.End(s.Name, outcome)
		done = append(done, NamedOutcome{s.Name, outcome})
	}
	return done, nil
}

// Foresee says what a step would do: it compares, and leaves everything as it is. It fails
// with an *Error.
func (r Runner) Foresee(ctx context.Context, s Step) (Planned, error) {
	begun := r.Now()
	if !s.Quiet {
		r.Progress.Begin(s.Name)
	}
	end := func(o Outcome) {
		if o.Took = r.Now().Sub(begun); !s.Quiet {
			r.Progress.End(s.Name, o)
		}
	}
	c, err := s.Compare(ctx)
	if err == nil && c.Drop != nil {
		err = c.Drop(ctx)
	}
	if err != nil {
		end(Outcome{Status: Failed, Report: err.Error()})
		return Planned{}, &Error{Step: s.Name, Err: Because(ctx, err)}
	}
	c.Step, c.Skipped = s.Name, false
	end(c.Outcome())
	return c.Planned, nil
}
