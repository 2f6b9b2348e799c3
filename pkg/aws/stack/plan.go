package stack

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/aws/layout"
)

// staleAfter is the age from which a change set of ours belongs to nobody.
const staleAfter = time.Hour

// Plan says what is to be done for the stack to become as the parameters say, and
// leaves a change set to Execute or Discard. A stack on which something is under
// way is waited for first. Nothing to do is found without writing anything.
//
// It fails with ErrForeign, aws.ErrDenied, aws.ErrCredentials, an *Error if the stack
// is in a state that needs a person, or says what is wrong with the parameters.
func (s *Stack) Plan(ctx context.Context, p layout.Parameters) (Change, error) {
	if err := p.Validate(); err != nil {
		return Change{}, fmt.Errorf("plan stack %s: %w", s.options.Name, err)
	}
	status, err := s.settle(ctx)
	if err != nil {
		return Change{}, err
	}
	c, err := s.plan(ctx, status, p)
	if err != nil || c.Empty {
		return c, err
	}
	if c.Create {
		status = Status{} // what is left of a failed creation goes first
	}
	if c.Details, err = s.details(ctx, status, p); err != nil {
		s.abandon(ctx, c)
	}
	return c, err
}

// plan is Plan for a stack on which nothing is under way.
func (s *Stack) plan(ctx context.Context, status Status, p layout.Parameters) (Change, error) {
	if status.Exists && !status.Ours {
		return Change{}, s.foreign(status)
	}
	if !status.Exists || status.State == reviewing {
		if p.Database && p.DatabasePassword.Empty() {
			return Change{}, fmt.Errorf("plan stack %s: its database needs a password", s.options.Name)
		}
		c, err := s.newChangeSet(ctx, p, nil, true)
		c.Protect = true
		return c, err
	}
	switch status.State {
	case "CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED":
		return Change{Create: true, Protect: true, Repair: repairRemains, parameters: &p}, nil
	case "UPDATE_ROLLBACK_FAILED":
		return Change{Repair: repairRollback, Protect: !status.Protected, parameters: &p}, nil
	case "DELETE_FAILED", "IMPORT_ROLLBACK_FAILED":
		return Change{}, s.stateError(status)
	}
	if err := p.ValidateUpdate(status.Parameters); err != nil {
		return Change{}, fmt.Errorf("plan stack %s: %w", s.options.Name, err)
	}
	same, err := s.same(ctx, status, p)
	if err != nil {
		return Change{}, err
	}
	if same {
		return Change{Empty: status.Protected, Protect: !status.Protected, parameters: &p}, nil
	}
	if err := s.clearStale(ctx); err != nil {
		return Change{}, err
	}
	c, err := s.newChangeSet(ctx, p, status.Parameters, false)
	c.Protect = !status.Protected
	c.Empty = c.Empty && status.Protected
	return c, err
}

// newChangeSet makes a change set and reads it. Parameters that are not said keep
// the value that they have. A database that is new is made without protection: if
// what comes after it fails, the rollback must be able to delete it.
func (s *Stack) newChangeSet(ctx context.Context, p layout.Parameters, have map[string]string, create bool) (Change, error) {
	values := p.Values()
	fresh := p.Database && have[layout.DatabaseParameter] != "true"
	if fresh {
		values[layout.ProtectionParameter] = "false"
	}
	c, err := s.submitChangeSet(ctx, cloudformation.ChangeRequest{Create: create, Template: string(layout.Body())}.With(have, values))
	c.parameters, c.guard = &p, fresh
	return c, err
}

// submitChangeSet sends a change set and waits until it is made. Names are random,
// so that no two runs ever meet in one.
func (s *Stack) submitChangeSet(ctx context.Context, r cloudformation.ChangeRequest) (Change, error) {
	r.Name, r.Tags = token(), s.options.Tags
	id, err := s.api.CreateChangeSet(ctx, r)
	c := Change{ID: id, Create: r.Create, name: r.Name}
	if err != nil {
		s.abandon(ctx, c)
		return Change{}, err
	}
	return s.awaitChangeSet(ctx, c)
}

// awaitChangeSet waits until a change set is made.
func (s *Stack) awaitChangeSet(ctx context.Context, c Change) (Change, error) {
	for {
		made, err := s.api.ReadChangeSet(ctx, c.ID)
		if err != nil {
			s.abandon(ctx, c)
			return Change{}, err
		}
		switch made.State {
		case "CREATE_COMPLETE":
			c.Resources = made.Resources
			return c, nil
		case "FAILED":
			return s.failedChangeSet(ctx, c, made.Reason)
		}
		if err := s.pause(ctx); err != nil {
			s.abandon(ctx, c)
			return Change{}, fmt.Errorf("wait for the change set of stack %s, which is unchanged: %w", s.options.Name, err)
		}
	}
}

// abandoning bounds the removal of a change set of a plan that has failed: a run that was
// told to end has little time left.
const abandoning = 5 * time.Second

// abandon removes what is left of a plan that has failed, also when ctx has ended. While
// CloudFormation still makes a change set it may refuse to delete it. What cannot be
// removed now, a later Plan removes.
func (s *Stack) abandon(ctx context.Context, c Change) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandoning)
	defer cancel()
	for {
		if err := s.Discard(ctx, c); err == nil || final(ctx, err) || s.pause(ctx) != nil {
			return
		}
	}
}

// failedChangeSet tells a change set without changes from one that cannot be. It
// removes it, as it is of no use.
func (s *Stack) failedChangeSet(ctx context.Context, c Change, reason string) (Change, error) {
	if err := s.Discard(ctx, c); err != nil {
		return Change{}, err
	}
	if strings.Contains(reason, "didn't contain changes") || strings.Contains(reason, "No updates are to be performed") {
		return Change{Empty: true}, nil
	}
	hint, kind := cloudformation.Diagnose(reason)
	return Change{}, &Error{
		Stack: s.options.Name, State: "change set FAILED", Failures: []string{reason}, kind: kind,
		Now: "the stack is unchanged", Do: either(hint, "correct that and run again"),
	}
}

// clearStale removes change sets that killed runs left.
func (s *Stack) clearStale(ctx context.Context) error {
	sets, err := s.api.ChangeSets(ctx)
	if err != nil {
		return err
	}
	for _, set := range sets {
		old := !set.Created.IsZero() && s.options.Now().Sub(set.Created) > staleAfter
		if old && strings.HasPrefix(set.Name, namePrefix) && !set.Executed {
			if err := s.Discard(ctx, Change{ID: set.ID}); err != nil {
				return err
			}
		}
	}
	return nil
}

// Discard removes a change set that will not be executed, and with the last one a
// stack that was never made. What is gone already is not an error.
func (s *Stack) Discard(ctx context.Context, c Change) error {
	if c.ID == "" {
		return nil
	}
	if err := s.api.DeleteChangeSet(ctx, c.ID); err != nil || !c.Create {
		return err
	}
	status, err := s.look(ctx, "")
	if err != nil || status.State != reviewing {
		return err
	}
	if sets, err := s.api.ChangeSets(ctx); err != nil || len(sets) > 0 {
		return err
	}
	return s.api.Remove(ctx, status.ID)
}
