package stack

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/perpetual-ci/perpetual/pkg/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/aws/layout"
	"github.com/perpetual-ci/perpetual/pkg/crash"
)

// Execute carries a planned change out, waits for its end, and gives the outputs.
// What Plan found to be in the way, it clears away first, and then plans again. What
// must not be deleted it protects when all is there: the stack itself, and by a
// second change a database that was made. A failed change is rolled back by
// CloudFormation; the *Error says what failed, what is still there and what to do.
// When ctx ends the change goes on by itself, and the next Plan waits for it.
func (s *Stack) Execute(ctx context.Context, c Change) (layout.Outputs, error) {
	if c.Repair != "" && c.parameters != nil {
		next, err := s.repair(ctx, c)
		if err != nil {
			return layout.Outputs{}, err
		}
		c = next
	}
	if c.ID != "" {
		if err := s.start(ctx, c); err != nil {
			return layout.Outputs{}, err
		}
	}
	crash.Here("stack-made")
	if c.Protect {
		if err := s.api.Protect(ctx, true); err != nil {
			return layout.Outputs{}, err
		}
	}
	if c.guard {
		if err := s.guard(ctx); err != nil {
			return layout.Outputs{}, err
		}
	}
	return s.Outputs(ctx)
}

// guard has the stack turn on the protection of a database that it has just made. A
// run that ends before leaves that to the next, whose plan shows it.
func (s *Stack) guard(ctx context.Context) error {
	status, err := s.look(ctx, "")
	if err == nil {
		s.say("stack %s has its database: protecting that against deletion", s.options.Name)
		err = s.setGuard(ctx, status, true)
	}
	if err != nil {
		return fmt.Errorf("protect the new database against deletion: %w", err)
	}
	return nil
}

// setGuard has the stack turn the database's own protection on or off, by a change
// that keeps everything else as it is, even the template.
func (s *Stack) setGuard(ctx context.Context, status Status, on bool) error {
	c, err := s.submitChangeSet(ctx, cloudformation.ChangeRequest{}.With(status.Parameters, map[string]string{
		layout.ProtectionParameter: strconv.FormatBool(on),
	}))
	if err != nil || c.Empty {
		return err
	}
	return s.start(ctx, c)
}

// start executes a change set and waits for its end.
func (s *Stack) start(ctx context.Context, c Change) error {
	status, err := s.look(ctx, "")
	if err != nil {
		return err
	}
	if !status.Exists {
		return fmt.Errorf("change stack %s: %w: it was deleted after it was planned; run again", s.options.Name, ErrNotFound)
	}
	w, err := s.watch(ctx, status.ID)
	if err != nil {
		return err
	}
	crash.Here("stack-planned")
	end, err := w.begin(ctx, func() error {
		err := s.api.Execute(ctx, status.ID, c.ID, c.name)
		if err != nil {
			err = s.whetherStarted(ctx, c, err)
		}
		crash.Here("stack-started")
		return err
	})
	if err != nil {
		return err
	}
	return s.judge(ctx, end)
}

// whetherStarted finds out what became of an execution whose answer is an error:
// the stack itself names the change set that was executed last.
func (s *Stack) whetherStarted(ctx context.Context, c Change, failed error) error {
	if ctx.Err() != nil {
		return s.interrupted("about to be changed", failed)
	}
	status, err := s.look(ctx, "")
	switch {
	case err != nil:
		return errors.Join(failed, err)
	case status.ChangeSet == c.ID:
		return nil
	case status.Exists && status.busy():
		return fmt.Errorf("%w; somebody else has begun a change (%s): run again, it is waited for", failed, status.State)
	}
	return fmt.Errorf("%w; the stack is unchanged: run again", failed)
}

// judge says whether a change has ended well.
func (s *Stack) judge(ctx context.Context, status Status) error {
	switch status.State {
	case "CREATE_COMPLETE", "UPDATE_COMPLETE":
		return nil
	}
	var err error
	if status.Exists {
		status.Failures, err = s.failures(ctx, status.ID)
	}
	return errors.Join(s.stateError(status), err)
}

// repair clears away what is between a stack and its next change set, and plans.
func (s *Stack) repair(ctx context.Context, c Change) (Change, error) {
	status, err := s.settle(ctx)
	if err != nil {
		return Change{}, err
	}
	switch {
	case status.Exists && !status.Ours:
		return Change{}, s.foreign(status)
	case status.State == "UPDATE_ROLLBACK_FAILED":
		s.say("stack %s is UPDATE_ROLLBACK_FAILED: finishing its rollback", s.options.Name)
		err = s.finishRollback(ctx, status)
	case status.State == "CREATE_FAILED" || status.State == "ROLLBACK_COMPLETE" || status.State == "ROLLBACK_FAILED":
		s.say("stack %s is %s: deleting what is left of its failed creation", s.options.Name, status.State)
		_, err = s.remove(ctx, status)
	}
	if err != nil {
		return Change{}, err
	}
	next, err := s.Plan(ctx, *c.parameters)
	if err == nil && next.Repair != "" {
		err = fmt.Errorf("plan stack %s: still to %s: somebody else is working on it; run again", s.options.Name, next.Repair)
	}
	return next, err
}

// finishRollback has CloudFormation try a rollback again.
func (s *Stack) finishRollback(ctx context.Context, status Status) error {
	w, err := s.watch(ctx, status.ID)
	if err != nil {
		return err
	}
	request := token()
	end, err := w.begin(ctx, func() error {
		return s.api.ContinueRollback(ctx, status.ID, request)
	})
	if err != nil || end.State == "UPDATE_ROLLBACK_COMPLETE" {
		return err
	}
	return s.judge(ctx, end)
}
