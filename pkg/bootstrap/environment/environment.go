// Package environment has create-env work for an installation: on the documents that its
// state keeps, with a line for each step.
package environment

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/createenv"
	"github.com/perpetual-ci/perpetual/pkg/plain"
)

// Environment is create-env: the director's own VM; a *createenv.Environment is one.
type Environment interface {
	// Pending says what Create would do, with each URL, digest and value that changes;
	// nothing means nothing.
	Pending(ctx context.Context, r createenv.Request) ([]string, error)
	// Create converges the VM. A context that ends stops it at a safe point.
	Create(ctx context.Context, r createenv.Request) (createenv.Result, error)
	// Delete deletes the VM, its disks and its stemcell.
	Delete(ctx context.Context, r createenv.Request) error
}

// Director is the director's own VM, as create-env knows it.
type Director struct {
	Open      func(createenv.Options) (Environment, error)
	Documents *Documents
	Note      func(line string) // gets what changes, before it does, and the steps
}

// environment opens create-env.
func (d Director) environment(report func(string)) (Environment, error) {
	return d.Open(createenv.Options{
		Documents: d.Documents, Changes: report,
		Progress: func(event createenv.Event) {
			if line := describe(event); line != "" {
				report(line)
			}
		},
	})
}

// Pending says what Create would do.
func (d Director) Pending(ctx context.Context, request createenv.Request) ([]string, error) {
	env, err := d.environment(func(string) {})
	if err != nil {
		return nil, err
	}
	return env.Pending(ctx, request)
}

// Create converges the director's VM.
func (d Director) Create(ctx context.Context, request createenv.Request) (changed bool, err error) {
	env, err := d.environment(d.Note)
	if err != nil {
		return false, err
	}
	result, err := env.Create(ctx, request)
	return result.Changed, err
}

// Delete deletes the director's VM with what it was made from.
func (d Director) Delete(ctx context.Context, request createenv.Request) error {
	env, err := d.environment(d.Note)
	if err != nil {
		return err
	}
	return env.Delete(ctx, request)
}

// describe makes a line of what create-env does: "deploying: Creating VM … (12s)".
func describe(e createenv.Event) string {
	what := e.Step
	if what == "" {
		what = e.Stage
	} else if e.Stage != "" {
		what = e.Stage + ": " + what
	}
	switch e.Status {
	case createenv.Started:
		return what
	case createenv.Failed:
		return what + ": failed: " + plain.FirstLine(e.Reason)
	case createenv.Skipped:
		return what + ": skipped, " + plain.FirstLine(e.Reason)
	}
	return "" // the next line tells that this one has ended
}
