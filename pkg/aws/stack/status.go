package stack

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/aws/layout"
)

// Status is what is known of a stack.
type Status struct {
	cloudformation.Stack
	Exists   bool
	Ours     bool           // it has our tag
	Outputs  layout.Outputs // of a stack that has been made
	Failures []string       // why resources failed in the last change, if it failed, oldest first
}

// reviewing is the state of a stack that was never made: it holds change sets.
const reviewing = "REVIEW_IN_PROGRESS"

// busy says whether something is being done to the stack.
func (s Status) busy() bool {
	return strings.HasSuffix(s.State, "_IN_PROGRESS") && s.State != reviewing
}

// Describe says what is there. A stack that does not exist is not an error.
func (s *Stack) Describe(ctx context.Context) (Status, error) {
	status, err := s.look(ctx, "")
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

// look describes a stack, by its ARN or, where that is empty, by its name, with one call.
func (s *Stack) look(ctx context.Context, id string) (Status, error) {
	given, found, err := s.api.Describe(ctx, id)
	if err != nil || !found {
		return Status{}, err
	}
	out := Status{Stack: given, Exists: true, Ours: given.Tags[ownerTag] == s.options.Owner}
	if out.Ours && len(given.OutputValues) > 0 {
		out.Outputs, err = layout.NewOutputs(given.OutputValues)
	}
	return out, err
}

// onlyOurs says whether a stack that was never made holds change sets of ours
// only, or none: it has no tags yet by which to know it.
func (s *Stack) onlyOurs(ctx context.Context) (bool, error) {
	sets, err := s.api.ChangeSets(ctx)
	for _, set := range sets {
		if !strings.HasPrefix(set.Name, namePrefix) {
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
	text, err := s.api.Template(ctx, status.ID)
	return err == nil && layout.Current(text), err
}
