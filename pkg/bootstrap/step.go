package bootstrap

import (
	"context"
	"fmt"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
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

// actions are steps as they are performed.
func actions(steps []step.Step) []action {
	list := make([]action, len(steps))
	for i, s := range steps {
		list[i] = action{s.Name, s.Do}
	}
	return list
}

// action is one thing that is done, and reported.
type action struct {
	name string
	do   func(context.Context) (step.Outcome, error)
}

// perform does the actions in order, and stops at the first that fails.
func (r *run) perform(ctx context.Context, actions []action) error {
	for _, s := range actions {
		if ctx.Err() != nil {
			return &step.Error{Step: s.name, Err: context.Cause(ctx)}
		}
		crash.Here("before-" + s.name)
		r.Progress.Begin(s.name)
		begun := r.now()
		outcome, err := s.do(ctx)
		outcome.Took = r.now().Sub(begun)
		if err != nil {
			outcome.Status, outcome.Report = step.Failed, err.Error()
			r.Progress.End(s.name, outcome)
			return &step.Error{Step: s.name, Err: step.Because(ctx, err)}
		}
		crash.Here("done-" + s.name)
		if err := r.remember(ctx, s.name, outcome); err != nil {
			r.Progress.End(s.name, step.Outcome{Status: step.Failed, Report: err.Error()})
			return &step.Error{Step: s.name, Err: err}
		}
		crash.Here("after-" + s.name)
		r.Progress.End(s.name, outcome)
		r.result.Outcomes = append(r.result.Outcomes, NamedOutcome{s.name, outcome})
		r.result.Changed = r.result.Changed || outcome.Status == step.Changed
	}
	return nil
}

// remember notes in the record what a step has changed.
func (r *run) remember(ctx context.Context, name string, o step.Outcome) error {
	if !r.kept.Saves() {
		return nil
	}
	if o.Status == step.Changed {
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

// saveRecord keeps the record.
func (r *run) saveRecord(ctx context.Context) error { return r.kept.Save(ctx, r.contents()) }

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

// noteOf notes what goes on in one step.
func (r *run) noteOf(step string) func(line string) {
	return func(line string) { r.note(step, "%s", line) }
}
