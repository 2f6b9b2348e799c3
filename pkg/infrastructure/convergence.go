package infrastructure

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/aws/layout"
	"github.com/perpetual-ci/perpetual/pkg/aws/stack"
)

// Convergence makes the stack as wanted.
type Convergence struct {
	Site
	// Self is a self-upgrade, which has no right to change who may do what.
	Self bool
	// Major says that the version of the database service changes. That comes alone and
	// after all else: an update that fails is taken back, which a database cannot be.
	Major bool
	// Begin writes down what is about to be made, before each change.
	Begin func(ctx context.Context, change stack.Change) error
	// End is told how each change has ended.
	End func(ctx context.Context, err error)
}

// Run makes the stack as wanted; change is what it lacks. It gives all that was changed.
func (c Convergence) Run(ctx context.Context, wanted layout.Parameters, change stack.Change) (stack.Change, error) {
	if !c.Major {
		return change, c.make(ctx, change)
	}
	if err := c.Discard(ctx, change); err != nil {
		return stack.Change{}, err
	}
	first := wanted
	first.DatabaseVersion = "" // stays as it is
	done, err := c.Plan(ctx, first)
	if err != nil {
		return stack.Change{}, err
	}
	if err := c.make(ctx, done); err != nil {
		return stack.Change{}, err
	}
	if change, err = c.Plan(ctx, wanted); err != nil {
		return stack.Change{}, err
	}
	return both(done, change), c.make(ctx, change)
}

// make makes one change of the stack.
func (c Convergence) make(ctx context.Context, change stack.Change) error {
	if change.Empty {
		return nil
	}
	if c.Self && (len(change.Forbidden()) > 0 || change.Repair != "") {
		return c.refuseRoles(ctx, change)
	}
	if err := c.Begin(ctx, change); err != nil {
		return err
	}
	for _, line := range ChangeLines(change) {
		c.Note(line)
	}
	opened, err := c.stack(c.noteEvent)
	if err == nil {
		_, err = opened.Execute(ctx, change)
	}
	c.End(ctx, err)
	return err
}

// both is what two changes, one after the other, come to.
func both(first, next stack.Change) stack.Change {
	return stack.Change{
		Empty: first.Empty && next.Empty, Create: first.Create || next.Create, Resources: slices.Concat(first.Resources, next.Resources),
	}
}

// refuseRoles ends a self-upgrade that would change who may do what: the pipeline has
// no right to that, and would leave the stack half changed.
func (c Convergence) refuseRoles(ctx context.Context, change stack.Change) error {
	if err := c.Discard(ctx, change); err != nil {
		return err
	}
	what := strings.Join(change.Forbidden(), ", ")
	if change.Repair != "" {
		what = "the stack, which a run has left half changed"
	}
	return fmt.Errorf("this would change %s, to which the pipeline has no right on purpose; nothing was changed: run perpetual deploy %s by hand, with your own credentials, and the pipeline goes on from there",
		what, c.Name)
}
