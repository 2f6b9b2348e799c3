package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/crash"
)

// The steps, as people see them and as crash points and records name them.
const (
	stepAccount        = "account"
	stepState          = "state"
	stepConfiguration  = "configuration"
	stepInfrastructure = "infrastructure"
	stepCredentials    = "credentials"
	stepComponents     = "components"
	stepDirector       = "director"
	stepParameters     = "parameters"
	stepDeploy         = "deploy"
	stepPipeline       = "pipeline"
	stepVerify         = "verify"
)

// step is one part of an installation. Its comparison says once what differs from what is
// wanted: a plan shows that, and a deploy brings it about.
type step struct {
	name    string
	compare func(context.Context) (comparison, error)
	quiet   bool // a plan shows it only where there is something to say
	// converge compares and acts in one, where what is asked to act compares for itself:
	// create-env, and an upgrade under its own lease. nil: what compare gives acts.
	converge func(context.Context) (Outcome, error)
}

// comparison is what a step has found. It has changed nothing but what the run knows.
type comparison struct {
	PlannedStep
	skipped bool                                   // the step does not apply to this installation
	done    bool                                   // comparing has brought about what differs
	act     func(context.Context) (Outcome, error) // makes it as wanted, and notes what there is; nil: the summary says all
	drop    func(context.Context) error            // removes what the comparison itself needed; nil: nothing
}

// same is what a step finds where nothing differs.
func same(format string, args ...any) comparison {
	return comparison{PlannedStep: PlannedStep{Summary: fmt.Sprintf(format, args...)}}
}

// differs is what a step finds where something does.
func differs(summary string, lines ...string) comparison {
	return comparison{PlannedStep: PlannedStep{Changes: true, Summary: summary, Lines: lines}}
}

// none is what a step finds that does not apply to this installation.
func none(format string, args ...any) comparison {
	c := same(format, args...)
	c.skipped = true
	return c
}

// outcome is that of a step that has nothing to do besides.
func (c comparison) outcome() Outcome {
	switch {
	case c.skipped:
		return Outcome{Status: Skipped, Report: c.Summary}
	case c.Changes:
		return Outcome{Status: Changed, Report: c.Summary}
	}
	return Outcome{Status: UpToDate, Report: c.Summary}
}

// do compares, and brings about what differs.
func (s step) do(ctx context.Context) (Outcome, error) {
	if s.converge != nil {
		return s.converge(ctx)
	}
	c, err := s.compare(ctx)
	if err != nil {
		return Outcome{}, err
	}
	switch {
	case c.act == nil && c.Changes && !c.done:
		return Outcome{}, fmt.Errorf("%s: this program has found what differs and cannot bring it about, which is a mistake in it; this step has changed nothing", c.Summary)
	case c.act == nil:
		return c.outcome(), nil
	}
	return c.act(ctx)
}

// actions are steps as they are performed.
func actions(steps []step) []action {
	list := make([]action, len(steps))
	for i, s := range steps {
		list[i] = action{s.name, s.do}
	}
	return list
}

// action is one thing that is done, and reported.
type action struct {
	name string
	do   func(context.Context) (Outcome, error)
}

// upToDate and changed make outcomes.
func upToDate(format string, args ...any) (Outcome, error) {
	return Outcome{Status: UpToDate, Report: fmt.Sprintf(format, args...)}, nil
}

func changed(format string, args ...any) (Outcome, error) {
	return Outcome{Status: Changed, Report: fmt.Sprintf(format, args...)}, nil
}

func skipped(format string, args ...any) (Outcome, error) {
	return Outcome{Status: Skipped, Report: fmt.Sprintf(format, args...)}, nil
}

// StepError says at which step a run has ended.
type StepError struct {
	Step string
	Err  error
}

// Error implements error.
func (e *StepError) Error() string { return fmt.Sprintf("%s: %v", e.Step, e.Err) }

// Unwrap implements errors.
func (e *StepError) Unwrap() error { return e.Err }

// perform does the actions in order, and stops at the first that fails.
func (r *run) perform(ctx context.Context, actions []action) error {
	for _, s := range actions {
		if ctx.Err() != nil {
			return &StepError{s.name, context.Cause(ctx)}
		}
		crash.Here("before-" + s.name)
		r.Progress.Begin(s.name)
		begun := r.now()
		outcome, err := s.do(ctx)
		outcome.Took = r.now().Sub(begun)
		if err != nil {
			outcome.Status, outcome.Report = Failed, err.Error()
			r.Progress.End(s.name, outcome)
			return &StepError{s.name, because(ctx, err)}
		}
		crash.Here("done-" + s.name)
		if err := r.remember(ctx, s.name, outcome); err != nil {
			r.Progress.End(s.name, Outcome{Status: Failed, Report: err.Error()})
			return &StepError{s.name, err}
		}
		crash.Here("after-" + s.name)
		r.Progress.End(s.name, outcome)
		r.result.Outcomes = append(r.result.Outcomes, NamedOutcome{s.name, outcome})
		r.result.Changed = r.result.Changed || outcome.Status == Changed
	}
	return nil
}

// because puts the reason for which a context has ended before an error that shows
// only that it has.
func because(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if cause == nil || errors.Is(err, cause) || !errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w (%w)", cause, err)
}

// remember notes in the record what a step has changed.
func (r *run) remember(ctx context.Context, name string, o Outcome) error {
	if r.recordDocument == nil || r.lease == nil {
		return nil
	}
	if o.Status == Changed {
		list := r.record.Steps[:0:0]
		for _, s := range r.record.Steps {
			if s.Step != name {
				list = append(list, s)
			}
		}
		r.record.Steps = append(list, record.Step{Step: name, Status: string(o.Status), Report: o.Report, At: r.now().UTC()})
		r.record.Program = r.Program
	}
	return r.saveRecord(ctx)
}

// saveRecord keeps the record, also when the run is being interrupted: what was done
// is not to be forgotten.
func (r *run) saveRecord(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := r.lease.Err(); err != nil {
		return fmt.Errorf("write %s: %w", recordName, err)
	}
	if err := r.saveStatement(ctx); err != nil {
		return err
	}
	_, err := r.recordDocument.save(ctx, r.record.Findings)
	return err
}

func (i *Installation) now() time.Time {
	if i.Now == nil {
		return time.Now()
	}
	return i.Now()
}

func (i *Installation) poll() time.Duration {
	if i.Poll == 0 {
		return 2 * time.Second
	}
	return i.Poll
}

func (i *Installation) timeout() time.Duration {
	if i.Timeout == 0 {
		return 2 * time.Hour
	}
	return i.Timeout
}

// note says what goes on in a step.
func (r *run) note(step, format string, args ...any) {
	r.Progress.Note(step, fmt.Sprintf(format, args...))
}
