package stack

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"

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
		c, err := s.newChangeSet(ctx, p, nil, types.ChangeSetTypeCreate)
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
	c, err := s.newChangeSet(ctx, p, status.Parameters, types.ChangeSetTypeUpdate)
	c.Protect = !status.Protected
	c.Empty = c.Empty && status.Protected
	return c, err
}

// newChangeSet makes a change set and reads it. Parameters that are not said keep
// the value that they have. A database that is new is made without protection: if
// what comes after it fails, the rollback must be able to delete it.
func (s *Stack) newChangeSet(ctx context.Context, p layout.Parameters, have map[string]string, kind types.ChangeSetType) (Change, error) {
	values := p.Values()
	fresh := p.Database && have[layout.DatabaseParameter] != "true"
	if fresh {
		values[layout.ProtectionParameter] = "false"
	}
	var list []types.Parameter
	for key, value := range values {
		list = append(list, types.Parameter{ParameterKey: sdk.String(key), ParameterValue: sdk.String(value)})
	}
	for key := range have {
		if _, said := values[key]; !said {
			list = append(list, types.Parameter{ParameterKey: sdk.String(key), UsePreviousValue: sdk.Bool(true)})
		}
	}
	text := string(layout.Body())
	c, err := s.submitChangeSet(ctx, &cloudformation.CreateChangeSetInput{TemplateBody: &text, Parameters: list, ChangeSetType: kind})
	c.parameters, c.guard = &p, fresh
	return c, err
}

// submitChangeSet sends a change set and waits until it is made. Names are random,
// so that no two runs ever meet in one.
func (s *Stack) submitChangeSet(ctx context.Context, in *cloudformation.CreateChangeSetInput) (Change, error) {
	name := token()
	in.StackName, in.ChangeSetName, in.ClientToken = &s.options.Name, &name, &name
	in.Capabilities = []types.Capability{types.CapabilityCapabilityIam}
	for key, value := range s.options.Tags {
		in.Tags = append(in.Tags, types.Tag{Key: sdk.String(key), Value: sdk.String(value)})
	}
	c := Change{ID: name, Create: in.ChangeSetType == types.ChangeSetTypeCreate, name: name}
	answer, err := s.api.CreateChangeSet(ctx, in)
	if err != nil {
		var refusal smithy.APIError
		if ctx.Err() != nil || !errors.As(err, &refusal) { // it may have been made
			s.abandon(ctx, c)
		}
		return Change{}, s.explain(ctx, "plan stack "+s.options.Name, err)
	}
	c.ID = sdk.ToString(answer.Id)
	return s.awaitChangeSet(ctx, c)
}

// awaitChangeSet waits until a change set is made.
func (s *Stack) awaitChangeSet(ctx context.Context, c Change) (Change, error) {
	for {
		made, err := s.readChangeSet(ctx, c)
		if err != nil {
			s.abandon(ctx, c)
			return Change{}, err
		}
		switch made.Status {
		case types.ChangeSetStatusCreateComplete:
			c.Resources = made.resources
			return c, nil
		case types.ChangeSetStatusFailed:
			return s.failedChangeSet(ctx, c, oneLine(made.StatusReason))
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
	hint, kind := diagnose(reason)
	return Change{}, &Error{
		Stack: s.options.Name, State: "change set FAILED", Failures: []string{reason}, kind: kind,
		Now: "the stack is unchanged", Do: either(hint, "correct that and run again"),
	}
}

// whole is a change set with all its pages.
type whole struct {
	*cloudformation.DescribeChangeSetOutput
	resources []ResourceChange
}

// readChangeSet reads a change set with all its pages.
func (s *Stack) readChangeSet(ctx context.Context, c Change) (whole, error) {
	var out whole
	in := &cloudformation.DescribeChangeSetInput{StackName: &s.options.Name, ChangeSetName: &c.ID}
	for {
		page, err := s.api.DescribeChangeSet(ctx, in)
		if err != nil {
			return out, s.explain(ctx, "read the change set of stack "+s.options.Name, err)
		}
		for _, change := range page.Changes {
			if change.ResourceChange != nil {
				out.resources = append(out.resources, newResourceChange(*change.ResourceChange))
			}
		}
		out.DescribeChangeSetOutput = page
		if in.NextToken = page.NextToken; sdk.ToString(in.NextToken) == "" {
			return out, nil
		}
	}
}

// newResourceChange reads one change.
func newResourceChange(given types.ResourceChange) ResourceChange {
	out := ResourceChange{
		Action: Action(given.Action), LogicalID: sdk.ToString(given.LogicalResourceId), PhysicalID: sdk.ToString(given.PhysicalResourceId),
		Type: sdk.ToString(given.ResourceType), Replacement: string(given.Replacement),
	}
	seen := map[string]bool{}
	for _, d := range given.Details {
		if d.Target == nil {
			continue
		}
		what := string(d.Target.Attribute)
		if name := sdk.ToString(d.Target.Name); name != "" {
			what += "." + name
		}
		if !seen[what] {
			seen[what], out.Details = true, append(out.Details, what)
		}
	}
	return out
}

// changeSets lists the change sets of the stack.
func (s *Stack) changeSets(ctx context.Context) ([]types.ChangeSetSummary, error) {
	var out []types.ChangeSetSummary
	in := &cloudformation.ListChangeSetsInput{StackName: &s.options.Name}
	for {
		page, err := s.api.ListChangeSets(ctx, in)
		if err != nil {
			return nil, s.explain(ctx, "list the change sets of stack "+s.options.Name, err)
		}
		out = append(out, page.Summaries...)
		if in.NextToken = page.NextToken; sdk.ToString(in.NextToken) == "" {
			return out, nil
		}
	}
}

// clearStale removes change sets that killed runs left.
func (s *Stack) clearStale(ctx context.Context) error {
	sets, err := s.changeSets(ctx)
	if err != nil {
		return err
	}
	for _, set := range sets {
		old := set.CreationTime != nil && s.options.Now().Sub(*set.CreationTime) > staleAfter
		if old && strings.HasPrefix(sdk.ToString(set.ChangeSetName), namePrefix) && set.ExecutionStatus != types.ExecutionStatusExecuteComplete {
			if err := s.Discard(ctx, Change{ID: sdk.ToString(set.ChangeSetId)}); err != nil {
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
	var gone *types.ChangeSetNotFoundException
	_, err := s.api.DeleteChangeSet(ctx, &cloudformation.DeleteChangeSetInput{ChangeSetName: &c.ID, StackName: &s.options.Name})
	if err != nil && !errors.As(err, &gone) && !missing(err) {
		return s.explain(ctx, "remove a change set of stack "+s.options.Name, err)
	}
	if !c.Create {
		return nil
	}
	status, err := s.look(ctx, s.options.Name)
	if err != nil || status.State != reviewing {
		return err
	}
	if sets, err := s.changeSets(ctx); err != nil || len(sets) > 0 {
		return err
	}
	_, err = s.api.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &status.ID})
	return s.explain(ctx, "remove stack "+s.options.Name+", which was never made", err)
}
