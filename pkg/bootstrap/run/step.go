package run

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
)

// Runner does the steps of this run.
func (r *Run) Runner() step.Runner {
	return step.Runner{Progress: r.Progress, Now: r.Now, Remember: r.remember}
}

// Perform does steps in order, and stops at the first that fails.
func (r *Run) Perform(ctx context.Context, steps ...step.Step) error {
	done, err := r.Runner().Do(ctx, steps)
	r.Outcomes = append(r.Outcomes, done...)
	return err
}

// remember notes in the record what a step has changed.
func (r *Run) remember(ctx context.Context, name string, o step.Outcome) error {
	if !r.Documents.Saves() {
		return nil
	}
	if o.Status == step.Changed {
		list := r.Record.Steps[:0:0]
		for _, s := range r.Record.Steps {
			if s.Step != name {
				list = append(list, s)
			}
		}
		r.Record.Steps = append(list, record.Step{Step: name, Status: string(o.Status), Report: o.Report, At: r.Now().UTC()})
		r.Record.Program = r.Program
	}
	return r.Save(ctx)
}

// NoteOf notes what goes on in one step.
func (r *Run) NoteOf(name string) func(line string) {
	return func(line string) { r.Progress.Note(name, line) }
}
