package stack

import (
	"context"
	"fmt"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/perpetual-ci/perpetual/pkg/aws/layout"
	"github.com/perpetual-ci/perpetual/pkg/crash"
)

// Delete deletes the stack and waits for its end. It gives what is left on purpose:
// the database's last snapshot. A stack that does not exist is not an error; one on
// which something is under way is waited for.
//
// Without dropProtection a protected stack is ErrProtected, and nothing is
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
		_, err := s.api.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &status.ID})
		return nil, s.explain(ctx, "delete stack "+s.options.Name, err)
	}
	guarded := status.Parameters[layout.DatabaseParameter] == "true" && status.Parameters[layout.ProtectionParameter] == "true"
	if (status.Protected || guarded && made(status.State)) && !dropProtection {
		return nil, fmt.Errorf("delete stack %s: %w", s.options.Name, ErrProtected)
	}
	if status.Protected {
		if err := s.protect(ctx, false); err != nil {
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
	databases, err := s.resources(ctx, status.ID, func(r types.StackResource) bool {
		return sdk.ToString(r.ResourceType) == "AWS::RDS::DBInstance" && strings.HasSuffix(string(r.ResourceStatus), "_COMPLETE")
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
		_, err := s.api.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &status.ID, ClientRequestToken: &request})
		crash.Here("stack-deleting")
		return s.explain(ctx, "delete stack "+s.options.Name, err)
	})
	if err != nil {
		return nil, err
	}
	if end.Exists && end.State != "DELETE_COMPLETE" {
		left, _ = s.resources(ctx, status.ID, func(r types.StackResource) bool { return r.ResourceStatus != types.ResourceStatusDeleteComplete })
		return left, s.judge(ctx, end)
	}
	for _, d := range databases {
		left = append(left, "the last snapshot of "+d)
	}
	return append(left, w.kept...), nil
}

// resources lists what is in the stack, as "TYPE ID".
func (s *Stack) resources(ctx context.Context, id string, want func(types.StackResource) bool) ([]string, error) {
	answer, err := s.api.DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: &id})
	if err != nil {
		return nil, s.explain(ctx, "list the resources of stack "+s.options.Name, err)
	}
	var out []string
	for _, r := range answer.StackResources {
		if want(r) {
			out = append(out, sdk.ToString(r.ResourceType)+" "+sdk.ToString(r.PhysicalResourceId))
		}
	}
	return out, nil
}
