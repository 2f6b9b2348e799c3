package stack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"

	"github.com/perpetual-ci/perpetual/pkg/aws/layout"
)

// Status is what is known of a stack.
type Status struct {
	Exists     bool
	Ours       bool              // it has our tag
	ID         string            // ARN
	State      string            // "UPDATE_COMPLETE"
	Reason     string            // of State, one line
	Protected  bool              // the stack itself against deletion
	Parameters map[string]string // as the template names them; secret ones read "****"
	Outputs    layout.Outputs    // of a stack that has been made
	Tags       map[string]string
	Failures   []string // why resources failed in the last change, if it failed, oldest first

	changeSet string // ARN of the one executed last
}

// reviewing is the state of a stack that was never made: it holds change sets.
const reviewing = "REVIEW_IN_PROGRESS"

// busy says whether something is being done to the stack.
func (s Status) busy() bool {
	return strings.HasSuffix(s.State, "_IN_PROGRESS") && s.State != reviewing
}

// Describe says what is there. A stack that does not exist is not an error.
func (s *Stack) Describe(ctx context.Context) (Status, error) {
	status, err := s.look(ctx, s.options.Name)
	if err != nil || !status.Exists {
		return status, err
	}
	if strings.Contains(status.State, "ROLLBACK") || strings.HasSuffix(status.State, "_FAILED") {
		status.Failures, err = s.failures(ctx, status.ID)
	}
	if err == nil && status.State == reviewing {
		status.Ours, err = s.onlyOurs(ctx)
	}
	return status, err
}

// look describes a stack, by name or ARN, with one call.
func (s *Stack) look(ctx context.Context, name string) (Status, error) {
	answer, err := s.api.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if missing(err) {
		return Status{}, nil
	}
	if err != nil {
		return Status{}, s.explain(ctx, "look at stack "+s.options.Name, err)
	}
	if len(answer.Stacks) != 1 {
		return Status{}, fmt.Errorf("look at stack %s: the answer holds %d stacks", s.options.Name, len(answer.Stacks))
	}
	given := answer.Stacks[0]
	if given.StackStatus == types.StackStatusDeleteComplete && name == s.options.Name {
		return Status{}, nil
	}
	out := Status{
		Exists: true, ID: sdk.ToString(given.StackId), State: string(given.StackStatus), Reason: oneLine(given.StackStatusReason),
		Protected: sdk.ToBool(given.EnableTerminationProtection), Parameters: map[string]string{}, Tags: map[string]string{},
		changeSet: sdk.ToString(given.ChangeSetId),
	}
	for _, p := range given.Parameters {
		out.Parameters[sdk.ToString(p.ParameterKey)] = sdk.ToString(p.ParameterValue)
	}
	for _, t := range given.Tags {
		out.Tags[sdk.ToString(t.Key)] = sdk.ToString(t.Value)
	}
	out.Ours = out.Tags[ownerTag] == s.options.Owner
	outputs := map[string]string{}
	for _, o := range given.Outputs {
		outputs[sdk.ToString(o.OutputKey)] = sdk.ToString(o.OutputValue)
	}
	if out.Ours && len(outputs) > 0 {
		out.Outputs, err = layout.NewOutputs(outputs)
	}
	return out, err
}

// missing says whether CloudFormation refused because there is no such stack. It
// has no code of its own for that.
func missing(err error) bool {
	var refused smithy.APIError
	return errors.As(err, &refused) && refused.ErrorCode() == "ValidationError" && strings.Contains(refused.ErrorMessage(), "does not exist")
}

// onlyOurs says whether a stack that was never made holds change sets of ours
// only, or none: it has no tags yet by which to know it.
func (s *Stack) onlyOurs(ctx context.Context) (bool, error) {
	sets, err := s.changeSets(ctx)
	for _, set := range sets {
		if !strings.HasPrefix(sdk.ToString(set.ChangeSetName), namePrefix) {
			return false, err
		}
	}
	return err == nil, err
}

// Outputs are what a finished stack gives. It fails with ErrNotFound, ErrForeign,
// or says that the stack is not finished.
func (s *Stack) Outputs(ctx context.Context) (layout.Outputs, error) {
	status, err := s.Describe(ctx)
	if err != nil {
		return layout.Outputs{}, err
	}
	return s.outputsOf(status)
}

// outputsOf checks that a stack is there and has outputs.
func (s *Stack) outputsOf(status Status) (layout.Outputs, error) {
	switch {
	case !status.Exists:
		return layout.Outputs{}, fmt.Errorf("read the outputs of stack %s: %w", s.options.Name, ErrNotFound)
	case !status.Ours:
		return layout.Outputs{}, s.foreign(status)
	case status.Outputs.VPC == "":
		return layout.Outputs{}, fmt.Errorf("read the outputs of stack %s: it is %s and has none; run deploy", s.options.Name, status.State)
	}
	return status.Outputs, nil
}

// same says whether a stack already is what the parameters, the template and the
// tags say, without asking for a change set, which would be a write. What cannot
// be told this way, CloudFormation tells.
func (s *Stack) same(ctx context.Context, status Status, p layout.Parameters) (bool, error) {
	if !p.Match(status.Parameters) || !maps.Equal(status.Tags, s.options.Tags) {
		return false, nil
	}
	text, err := s.templateOf(ctx, status)
	return err == nil && layout.Current(text), err
}
