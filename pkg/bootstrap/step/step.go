// Package step has the shape of the steps of an installation: each compares once what is
// there with what is wanted. A plan shows what differs, and a deploy brings it about. A
// Runner does either, one step after another.
package step

import (
	"context"
	"errors"
	"fmt"
)

// Step is one part of an installation.
type Step struct {
	Name    string // "infrastructure", as people see it
	Compare func(context.Context) (Comparison, error)
	Quiet   bool // a plan shows it only where there is something to say
	// Converge compares and acts in one, where what is asked to act compares for itself:
	// create-env, and an upgrade under its own lease. nil: what Compare gives acts. A step
	// that no plan shows has this alone.
	Converge func(context.Context) (Outcome, error)
}

// Do compares, and brings about what differs.
func (s Step) Do(ctx context.Context) (Outcome, error) {
	if s.Converge != nil {
		return s.Converge(ctx)
	}
	c, err := s.Compare(ctx)
	if err != nil {
		return Outcome{}, err
	}
	switch {
	case c.Act == nil && c.Changes && !c.Done:
		return Outcome{}, fmt.Errorf("%s: this program has found what differs and cannot bring it about, which is a mistake in it; this step has changed nothing", c.Summary)
	case c.Act == nil:
		return c.Outcome(), nil
	}
	return c.Act(ctx)
}

// Planned is what one step would do.
type Planned struct {
	Step    string
	Changes bool
	Summary string   // "would be created", "up to date"
	Lines   []string // the difference, with credentials hidden: "+ …", "- …", "~ …"
}

// Comparison is what a step has found. It has changed nothing but what the run knows.
type Comparison struct {
	Planned
	Skipped bool                                   // the step does not apply to this installation
	Done    bool                                   // comparing has brought about what differs
	Act     func(context.Context) (Outcome, error) // makes it as wanted, and notes what there is; nil: the summary says all
	Drop    func(context.Context) error            // removes what the comparison itself needed; nil: nothing
}

// Same is what a step finds where nothing differs.
func Same(format string, args ...any) Comparison {
	return Comparison{Planned: Planned{Summary: fmt.Sprintf(format, args...)}}
}

// Differs is what a step finds where something does.
func Differs(summary string, lines ...string) Comparison {
	return Comparison{Planned: Planned{Changes: true, Summary: summary, Lines: lines}}
}

// None is what a step finds that does not apply to this installation.
func None(format string, args ...any) Comparison {
	c := Same(format, args...)
	c.Skipped = true
	return c
}

// Outcome is that of a step that has nothing to do besides.
func (c Comparison) Outcome() Outcome {
	switch {
	case c.Skipped:
		return Outcome{Status: Skipped, Report: c.Summary}
	case c.Changes:
		return Outcome{Status: Changed, Report: c.Summary}
	}
	return Outcome{Status: UpToDate, Report: c.Summary}
}

// Marked puts a mark before each of some names, as the lines of a plan have it: "+ name".
func Marked(mark string, names []string) []string {
	lines := make([]string, len(names))
	for i, name := range names {
		lines[i] = mark + name
	}
	return lines
}

// Error says at which step a run has ended.
type Error struct {
	Step string // "infrastructure"
	Err  error
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Step, e.Err) }

// Unwrap implements errors.
func (e *Error) Unwrap() error { return e.Err }

// Because puts the reason for which a context has ended before an error that shows
// only that it has.
func Because(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if cause == nil || errors.Is(err, cause) || !errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w (%w)", cause, err)
}
