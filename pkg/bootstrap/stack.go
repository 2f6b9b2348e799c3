package bootstrap

import (
	"context"
	"fmt"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws/stack"
	"github.com/perpetual-ci/perpetual/pkg/infrastructure"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

// Stack is the stack below an installation; a *stack.Stack is one.
type Stack interface {
	// Describe says what there is; none is not an error.
	Describe(ctx context.Context) (stack.Status, error)
	// Plan compares what is wanted with what is there. The change is executed or
	// discarded afterwards.
	Plan(ctx context.Context, wanted stack.Parameters) (stack.Change, error)
	// Execute makes a change and waits for its end. A context that ends leaves it going on.
	Execute(ctx context.Context, change stack.Change) (stack.Outputs, error)
	// Discard forgets a change.
	Discard(ctx context.Context, change stack.Change) error
	// Outputs gives what there is.
	Outputs(ctx context.Context) (stack.Outputs, error)
	// Delete removes the stack, and lists what is kept on purpose.
	Delete(ctx context.Context, dropProtection bool) (kept []string, err error)
}

// stack opens the installation's stack; report gets its events.
func (r *run) stack(report func(stack.Event)) (Stack, error) {
	o := stack.Options{Name: infrastructure.StackName(r.Name), Owner: r.Name, Notify: report}
	if r.config.AWS != nil {
		o.Tags = r.config.AWS.Tags
	}
	return r.OpenStack("", o)
}

// tellEvent shows an event for which nobody waits in particular: what the adapter says
// of itself, such as that it waits for what others do, is for everybody.
func (r *run) tellEvent(e stack.Event) {
	if e.Status == "" {
		r.Progress.Warn(infrastructure.EventLine(e))
	} else {
		r.noteEvent(e)
	}
}

// noteEvent shows an event that is waited for.
func (r *run) noteEvent(e stack.Event) { r.note(stepInfrastructure, "%s", infrastructure.EventLine(e)) }

// describeStack says what there is of the stack.
func (r *run) describeStack(ctx context.Context) (stack.Status, error) {
	s, err := r.stack(r.tellEvent)
	if err != nil {
		return stack.Status{}, err
	}
	return s.Describe(ctx)
}

// look says how the stack stands.
func (r *run) look(ctx context.Context) (Standing, error) {
	status, err := r.describeStack(ctx)
	if err != nil {
		return Standing{}, err
	}
	return standingOf(r.Name, status), nil
}

// standingOf says how a stack stands.
func standingOf(name string, s stack.Status) Standing {
	if !s.Exists {
		return Standing{}
	}
	return Standing{
		Exists: true, Live: infrastructure.Live(s), Name: infrastructure.StackName(name), State: s.State,
		Bucket: s.Parameters["StateBucket"], WebAddress: s.Outputs.WebAddress, DirectorAddress: s.Outputs.DirectorAddress,
	}
}

// planStack compares what is wanted with what is there.
func (r *run) planStack(ctx context.Context, wanted stack.Parameters) (stack.Change, error) {
	s, err := r.stack(r.tellEvent)
	if err != nil {
		return stack.Change{}, err
	}
	return s.Plan(ctx, wanted)
}

// executeStack makes a change of the stack and waits for its end.
func (r *run) executeStack(ctx context.Context, change stack.Change) error {
	s, err := r.stack(r.noteEvent)
	if err != nil {
		return err
	}
	_, err = s.Execute(ctx, change)
	return err
}

// discarding bounds the removal of a change set, also when the run is ending.
const discarding = 10 * time.Second

// discardStack forgets a change, also when ctx has ended or ends meanwhile: a plan leaves
// nothing.
func (r *run) discardStack(ctx context.Context, change stack.Change) error {
	if change.Empty {
		return nil
	}
	s, err := r.stack(r.tellEvent)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discarding)
	defer cancel()
	return s.Discard(ctx, change)
}

// outputs is what the stack gives. It fails with ErrNotFound.
func (r *run) outputs(ctx context.Context) (manifest.Infrastructure, error) {
	s, err := r.stack(r.tellEvent)
	if err != nil {
		return manifest.Infrastructure{}, err
	}
	status, err := s.Describe(ctx)
	if err != nil {
		return manifest.Infrastructure{}, err
	}
	if !status.Exists {
		return manifest.Infrastructure{}, r.noStack()
	}
	out, err := s.Outputs(ctx)
	if err != nil {
		return manifest.Infrastructure{}, err
	}
	return infrastructure.Read(out, status.Parameters)
}

// noStack says that there is none.
func (r *run) noStack() error {
	return fmt.Errorf("stack %s: %w", infrastructure.StackName(r.Name), ErrNotFound)
}

// deleteStack removes the stack, and lists what is kept on purpose. What destroys an
// installation has been confirmed by its name, so the database's protection goes, too.
// It fails with ErrNotFound.
func (r *run) deleteStack(ctx context.Context) (kept []string, err error) {
	s, err := r.stack(r.noteEvent)
	if err != nil {
		return nil, err
	}
	status, err := s.Describe(ctx)
	if err != nil {
		return nil, err
	}
	if !status.Exists {
		return nil, r.noStack()
	}
	return s.Delete(ctx, true)
}
