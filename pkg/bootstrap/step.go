package bootstrap

import (
	"context"
	"fmt"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
)

// runner does the steps of this run.
func (r *run) runner() step.Runner {
	return step.Runner{Progress: r.Progress, Now: r.now, Remember: r.remember}
}

// perform does steps in order, and stops at the first that fails.
func (r *run) perform(ctx context.Context, steps ...step.Step) error {
	done, err := r.runner().Do(ctx, steps)
	for _, o := range done {
		r.result.Outcomes = append(r.result.Outcomes, o)
		r.result.Changed = r.result.Changed || o.Status == step.Changed
	}
	return err
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
func (r *run) note(name, format string, args ...any) {
	r.Progress.Note(name, fmt.Sprintf(format, args...))
}

// noteOf notes what goes on in one step.
func (r *run) noteOf(name string) func(line string) {
	return func(line string) { r.note(name, "%s", line) }
}
