package stack

import (
	"context"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/aws/layout"
	"github.com/perpetual-ci/perpetual/pkg/crash"
)

// Delete deletes the stack and waits for its end. It gives what is left on purpose:
// the database's last snapshot. A stack that does not exist is not an error; one on
// which something is under way is waited for.
//
// Without dropProtection a protected stack is cloudformation.ErrProtected, and nothing is
// deleted. It fails with ErrForeign, aws.ErrDenied, aws.ErrCredentials, or an *Error
// that names the resources that could not be deleted, which are in left as well.
func (s *Stack) Delete(ctx context.Context, dropProtection bool) (left []string, err error) {
	status, err := s.settle(ctx)
	if err != nil || !status.Exists {
		return nil, err
	}
	if !status.Ours {
		return nil, s.foreign(status)
	}
	if status.State == reviewing {
		return nil, s.api.Delete(ctx, status.ID, token())
	}
	guarded := status.Parameters[layout.DatabaseParameter] == "true" && status.Parameters[layout.ProtectionParameter] == "true"
	if (status.Protected || guarded && made(status.State)) && !dropProtection {
		return nil, fmt.Errorf("delete stack %s: %w", s.options.Name, cloudformation.ErrProtected)
	}
	if status.Protected {
		if err := s.api.Protect(ctx, false); err != nil {
			return nil, err
		}
	}
	if guarded {
		if err := s.unguard(ctx, status); err != nil {
			return nil, err
		}
	}
	crash.Here("stack-unprotected")
	return s.remove(ctx, status)
}

// made says whether a stack has ever been finished: only then is there a database
// with something in it.
func made(state string) bool {
	return strings.HasPrefix(state, "UPDATE_") || strings.HasPrefix(state, "IMPORT_") || state == "CREATE_COMPLETE" || state == "DELETE_FAILED"
}

// unguard has the stack turn off the database's own protection.
func (s *Stack) unguard(ctx context.Context, status Status) error {
	if status.State == "UPDATE_ROLLBACK_FAILED" {
		if err := s.finishRollback(ctx, status); err != nil {
			return err
		}
	}
	if !made(status.State) || status.State == "DELETE_FAILED" {
		return nil // it takes no change any more
	}
	return s.setGuard(ctx, status, false)
}

// remove deletes a stack, whatever its state, and waits.
func (s *Stack) remove(ctx context.Context, status Status) (left []string, err error) {
	databases, err := s.resources(ctx, status.ID, func(r cloudformation.Resource) bool {
		return r.Type == "AWS::RDS::DBInstance" && strings.HasSuffix(r.State, "_COMPLETE")
	})
	if err != nil {
		return nil, err
	}
	w, err := s.watch(ctx, status.ID)
	if err != nil {
		return nil, err
	}
	request := token()
	end, err := w.begin(ctx, func() error {
		err := s.api.Delete(ctx, status.ID, request)
		crash.Here("stack-deleting")
		return err
	})
	if err != nil {
		return nil, err
	}
	if end.Exists && end.State != "DELETE_COMPLETE" {
		left, _ = s.resources(ctx, status.ID, func(r cloudformation.Resource) bool { return r.State != "DELETE_COMPLETE" })
		return left, s.judge(ctx, end)
	}
	for _, d := range databases {
		left = append(left, "the last snapshot of "+d)
	}
	return append(left, w.kept...), nil
}

// resources lists what is in the stack, as "TYPE ID".
func (s *Stack) resources(ctx context.Context, id string, want func(cloudformation.Resource) bool) ([]string, error) {
	all, err := s.api.Resources(ctx, id)
	var out []string
	for _, r := range all {
		if want(r) {
			out = append(out, r.Type+" "+r.ID)
		}
	}
	return out, err
}
