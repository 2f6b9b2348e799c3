package cloudformation

import (
	"context"
	"fmt"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	service "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// Stack is a stack as CloudFormation describes it.
type Stack struct {
	ID           string            // ARN
	State        string            // "UPDATE_COMPLETE"
	Reason       string            // of State, one line
	Protected    bool              // the stack itself against deletion
	Parameters   map[string]string // as the template names them; secret ones read "****"
	OutputValues map[string]string // likewise
	Tags         map[string]string
	ChangeSet    string // ARN of the change set executed last
}

// Resource is what CloudFormation has made of a resource of the template.
type Resource struct {
	Type  string // "AWS::RDS::DBInstance"
	ID    string // "perpetual-ci-database-1abc2def"
	State string // "CREATE_COMPLETE"
}

// Describe says what is known of the stack. An empty id means the stack of the name: where
// there is none, found is false, and so it is of one that was deleted. That one is found
// by its ARN.
func (c *Client) Describe(ctx context.Context, id string) (stack Stack, found bool, err error) {
	name := id
	if id == "" {
		name = c.stack
	}
	answer, err := c.api.DescribeStacks(ctx, &service.DescribeStacksInput{StackName: &name})
	if missing(err) {
		return Stack{}, false, nil
	}
	if err != nil {
		return Stack{}, false, c.explain(ctx, "look at stack "+c.stack, err)
	}
	if len(answer.Stacks) != 1 {
		return Stack{}, false, fmt.Errorf("look at stack %s: the answer holds %d stacks", c.stack, len(answer.Stacks))
	}
	given := answer.Stacks[0]
	if given.StackStatus == types.StackStatusDeleteComplete && id == "" {
		return Stack{}, false, nil
	}
	return newStack(given), true, nil
}

// newStack reads one description.
func newStack(given types.Stack) Stack {
	out := Stack{
		ID: sdk.ToString(given.StackId), State: string(given.StackStatus), Reason: oneLine(given.StackStatusReason),
		Protected: sdk.ToBool(given.EnableTerminationProtection), ChangeSet: sdk.ToString(given.ChangeSetId),
		Parameters: map[string]string{}, OutputValues: map[string]string{}, Tags: map[string]string{},
	}
	for _, p := range given.Parameters {
		out.Parameters[sdk.ToString(p.ParameterKey)] = sdk.ToString(p.ParameterValue)
	}
	for _, o := range given.Outputs {
		out.OutputValues[sdk.ToString(o.OutputKey)] = sdk.ToString(o.OutputValue)
	}
	for _, t := range given.Tags {
		out.Tags[sdk.ToString(t.Key)] = sdk.ToString(t.Value)
	}
	return out
}

// Template is the template of the stack, of ARN id, as it was sent.
func (c *Client) Template(ctx context.Context, id string) (string, error) {
	answer, err := c.api.GetTemplate(ctx, &service.GetTemplateInput{StackName: &id, TemplateStage: types.TemplateStageOriginal})
	if err != nil {
		return "", c.explain(ctx, "read the template of stack "+c.stack, err)
	}
	return sdk.ToString(answer.TemplateBody), nil
}

// Resources lists what is in the stack of ARN id.
func (c *Client) Resources(ctx context.Context, id string) ([]Resource, error) {
	answer, err := c.api.DescribeStackResources(ctx, &service.DescribeStackResourcesInput{StackName: &id})
	if err != nil {
		return nil, c.explain(ctx, "list the resources of stack "+c.stack, err)
	}
	var out []Resource
	for _, r := range answer.StackResources {
		out = append(out, Resource{Type: sdk.ToString(r.ResourceType), ID: sdk.ToString(r.PhysicalResourceId), State: string(r.ResourceStatus)})
	}
	return out, nil
}

// Protect turns the stack's protection against deletion on or off.
func (c *Client) Protect(ctx context.Context, on bool) error {
	_, err := c.api.UpdateTerminationProtection(ctx, &service.UpdateTerminationProtectionInput{StackName: &c.stack, EnableTerminationProtection: &on})
	action := "unprotect"
	if on {
		action = "protect"
	}
	return c.explain(ctx, action+" stack "+c.stack, err)
}

// ContinueRollback has CloudFormation try the rollback of the stack of ARN id again. Asked
// twice with one token it begins one.
func (c *Client) ContinueRollback(ctx context.Context, id, token string) error {
	_, err := c.api.ContinueUpdateRollback(ctx, &service.ContinueUpdateRollbackInput{StackName: &id, ClientRequestToken: &token})
	return c.explain(ctx, "finish the rollback of stack "+c.stack, err)
}

// Delete begins to delete the stack of ARN id. Asked twice with one token it begins once.
func (c *Client) Delete(ctx context.Context, id, token string) error {
	_, err := c.api.DeleteStack(ctx, &service.DeleteStackInput{StackName: &id, ClientRequestToken: &token})
	return c.explain(ctx, "delete stack "+c.stack, err)
}

// Remove deletes the stack of ARN id, which was never made: it held change sets only.
func (c *Client) Remove(ctx context.Context, id string) error {
	_, err := c.api.DeleteStack(ctx, &service.DeleteStackInput{StackName: &id})
	return c.explain(ctx, "remove stack "+c.stack+", which was never made", err)
}
