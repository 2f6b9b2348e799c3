package cloudformation

import (
	"context"
	"errors"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	service "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"
)

// Action says what happens to a resource.
type Action string

// What a change set says of a resource.
const (
	Add    Action = "Add"
	Modify Action = "Modify"
	Remove Action = "Remove"
)

// ResourceChange is what happens to one resource.
type ResourceChange struct {
	Action      Action
	LogicalID   string   // "Database"
	PhysicalID  string   // "perpetual-ci-database-1abc2def"; empty of an added one
	Type        string   // "AWS::RDS::DBInstance"
	Replacement string   // of a modified one: "True", "False", "Conditional"
	Details     []string // ["Properties.AllocatedStorage"]: what of it
}

// ChangeSet is a change of the stack that was asked for and is not begun by that.
type ChangeSet struct {
	ID        string    // ARN
	Name      string    // "perpetual-0123456789abcdef0123"
	Created   time.Time // zero if it is not said
	State     string    // "CREATE_COMPLETE", "FAILED"
	Reason    string    // of State, one line
	Executed  bool
	Resources []ResourceChange // what ReadChangeSet reads
}

// ChangeRequest asks for a change set.
type ChangeRequest struct {
	Name       string            // unlike that of any other; "perpetual-0123456789abcdef0123"
	Create     bool              // the stack is made by it
	Template   string            // empty: the one that the stack has
	Parameters map[string]string // as the template names them
	Keep       []string          // the parameters that keep the value that the stack has
	Tags       map[string]string // on the stack and on everything in it
}

// With is the request with parameters: those that are wanted, and of those that the stack
// has the others as they are.
func (r ChangeRequest) With(have, wanted map[string]string) ChangeRequest {
	r.Parameters, r.Keep = wanted, nil
	for key := range have {
		if _, said := wanted[key]; !said {
			r.Keep = append(r.Keep, key)
		}
	}
	return r
}

// CreateChangeSet asks for a change set and gives its ID. It is made when ReadChangeSet
// says so. With an error the ID is empty if there is none, and the name if there may be one.
func (c *Client) CreateChangeSet(ctx context.Context, r ChangeRequest) (id string, err error) {
	in := &service.CreateChangeSetInput{
		StackName: &c.stack, ChangeSetName: &r.Name, ClientToken: &r.Name, ChangeSetType: types.ChangeSetTypeUpdate,
		Capabilities: []types.Capability{types.CapabilityCapabilityIam},
	}
	if r.Create {
		in.ChangeSetType = types.ChangeSetTypeCreate
	}
	if in.TemplateBody = &r.Template; r.Template == "" {
		in.TemplateBody, in.UsePreviousTemplate = nil, sdk.Bool(true)
	}
	for key, value := range r.Parameters {
		in.Parameters = append(in.Parameters, types.Parameter{ParameterKey: sdk.String(key), ParameterValue: sdk.String(value)})
	}
	for _, key := range r.Keep {
		in.Parameters = append(in.Parameters, types.Parameter{ParameterKey: sdk.String(key), UsePreviousValue: sdk.Bool(true)})
	}
	for key, value := range r.Tags {
		in.Tags = append(in.Tags, types.Tag{Key: sdk.String(key), Value: sdk.String(value)})
	}
	answer, err := c.api.CreateChangeSet(ctx, in)
	if err == nil {
		return sdk.ToString(answer.Id), nil
	}
	var refusal smithy.APIError
	if ctx.Err() != nil || !errors.As(err, &refusal) {
		id = r.Name
	}
	return id, c.explain(ctx, "plan stack "+c.stack, err)
}

// ReadChangeSet reads a change set.
func (c *Client) ReadChangeSet(ctx context.Context, id string) (ChangeSet, error) {
	var resources []ResourceChange
	in := &service.DescribeChangeSetInput{StackName: &c.stack, ChangeSetName: &id}
	for {
		page, err := c.api.DescribeChangeSet(ctx, in)
		if err != nil {
			return ChangeSet{}, c.explain(ctx, "read the change set of stack "+c.stack, err)
		}
		for _, change := range page.Changes {
			if change.ResourceChange != nil {
				resources = append(resources, newResourceChange(*change.ResourceChange))
			}
		}
		if in.NextToken = page.NextToken; sdk.ToString(in.NextToken) == "" {
			return ChangeSet{
				ID: sdk.ToString(page.ChangeSetId), Name: sdk.ToString(page.ChangeSetName), Created: sdk.ToTime(page.CreationTime),
				State: string(page.Status), Reason: oneLine(page.StatusReason),
				Executed: page.ExecutionStatus == types.ExecutionStatusExecuteComplete, Resources: resources,
			}, nil
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

// ChangeSets lists the change sets of the stack, without what they change.
func (c *Client) ChangeSets(ctx context.Context) ([]ChangeSet, error) {
	var out []ChangeSet
	in := &service.ListChangeSetsInput{StackName: &c.stack}
	for {
		page, err := c.api.ListChangeSets(ctx, in)
		if err != nil {
			return nil, c.explain(ctx, "list the change sets of stack "+c.stack, err)
		}
		for _, given := range page.Summaries {
			out = append(out, ChangeSet{
				ID: sdk.ToString(given.ChangeSetId), Name: sdk.ToString(given.ChangeSetName), Created: sdk.ToTime(given.CreationTime),
				State: string(given.Status), Reason: oneLine(given.StatusReason),
				Executed: given.ExecutionStatus == types.ExecutionStatusExecuteComplete,
			})
		}
		if in.NextToken = page.NextToken; sdk.ToString(in.NextToken) == "" {
			return out, nil
		}
	}
}

// Execute begins a change set of the stack of ARN stackID. Asked twice with one token it
// begins once.
func (c *Client) Execute(ctx context.Context, stackID, changeSet, token string) error {
	_, err := c.api.ExecuteChangeSet(ctx, &service.ExecuteChangeSetInput{ChangeSetName: &changeSet, StackName: &stackID, ClientRequestToken: &token})
	return c.explain(ctx, "change stack "+c.stack, err)
}

// DeleteChangeSet removes a change set. One that is gone already is not an error.
func (c *Client) DeleteChangeSet(ctx context.Context, id string) error {
	var gone *types.ChangeSetNotFoundException
	_, err := c.api.DeleteChangeSet(ctx, &service.DeleteChangeSetInput{ChangeSetName: &id, StackName: &c.stack})
	if errors.As(err, &gone) || missing(err) {
		return nil
	}
	return c.explain(ctx, "remove a change set of stack "+c.stack, err)
}
