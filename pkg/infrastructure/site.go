package infrastructure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/aws/layout"
	"github.com/perpetual-ci/perpetual/pkg/aws/stack"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// ErrNotFound says that there is no stack.
var ErrNotFound = errors.New("not found")

// Stack is the stack below an installation; a *stack.Stack is one.
type Stack interface {
	// Describe says what there is; none is not an error.
	Describe(ctx context.Context) (stack.Status, error)
	// Plan compares what is wanted with what is there. The change is executed or
	// discarded afterwards.
	Plan(ctx context.Context, wanted layout.Parameters) (stack.Change, error)
	// Execute makes a change and waits for its end. A context that ends leaves it going on.
	Execute(ctx context.Context, change stack.Change) (layout.Outputs, error)
	// Discard forgets a change.
	Discard(ctx context.Context, change stack.Change) error
	// Outputs gives what there is.
	Outputs(ctx context.Context) (layout.Outputs, error)
	// Delete removes the stack, and lists what is kept on purpose.
	Delete(ctx context.Context, dropProtection bool) (kept []string, err error)
}

// Site is where the stack of an installation is.
type Site struct {
	Name string            // of the installation: "ci"
	Tags map[string]string // the user's
	// Open opens a stack of the account; region is "" for the account's own.
	Open func(region string, o stack.Options) (Stack, error)
	Note func(line string) // gets what becomes of what is waited for
	Warn func(line string) // gets what everybody should know
}

// stack opens the installation's stack; report gets its events.
func (s Site) stack(report func(cloudformation.Event)) (Stack, error) {
	return s.Open("", stack.Options{Name: StackName(s.Name), Owner: s.Name, Notify: report, Tags: s.Tags})
}

// tellEvent shows an event for which nobody waits in particular: what the adapter says
// of itself, such as that it waits for what others do, is for everybody.
func (s Site) tellEvent(e cloudformation.Event) {
	if e.Status == "" {
		s.Warn(EventLine(e))
	} else {
		s.noteEvent(e)
	}
}

// noteEvent shows an event that is waited for.
func (s Site) noteEvent(e cloudformation.Event) { s.Note(EventLine(e)) }

// Plan compares what is wanted with what is there.
func (s Site) Plan(ctx context.Context, wanted layout.Parameters) (stack.Change, error) {
	opened, err := s.stack(s.tellEvent)
	if err != nil {
		return stack.Change{}, err
	}
	return opened.Plan(ctx, wanted)
}

// discarding bounds the removal of a change set when the run is ending.
const discarding = 10 * time.Second

// Discard forgets a change, also when ctx has ended or ends meanwhile: a plan leaves
// nothing.
func (s Site) Discard(ctx context.Context, change stack.Change) error {
	if change.Empty {
		return nil
	}
	opened, err := s.stack(s.tellEvent)
	if err != nil {
		return err
	}
	ctx, cancel := retry.Grace(ctx, discarding)
	defer cancel()
	return opened.Discard(ctx, change)
}

// Outputs is what the stack gives. It fails with ErrNotFound.
func (s Site) Outputs(ctx context.Context) (manifest.Infrastructure, error) {
	opened, err := s.stack(s.tellEvent)
	if err != nil {
		return manifest.Infrastructure{}, err
	}
	status, err := opened.Describe(ctx)
	if err != nil {
		return manifest.Infrastructure{}, err
	}
	if !status.Exists {
		return manifest.Infrastructure{}, s.none()
	}
	out, err := opened.Outputs(ctx)
	if err != nil {
		return manifest.Infrastructure{}, err
	}
	return Read(out, status.Parameters)
}

// none says that there is no stack.
func (s Site) none() error { return fmt.Errorf("stack %s: %w", StackName(s.Name), ErrNotFound) }

// Delete removes the stack, and lists what is kept on purpose. What destroys an
// installation has been confirmed by its name, so the database's protection goes, too.
// It fails with ErrNotFound.
func (s Site) Delete(ctx context.Context) (kept []string, err error) {
	opened, err := s.stack(s.noteEvent)
	if err != nil {
		return nil, err
	}
	status, err := opened.Describe(ctx)
	if err != nil {
		return nil, err
	}
	if !status.Exists {
		return nil, s.none()
	}
	return opened.Delete(ctx, true)
}
