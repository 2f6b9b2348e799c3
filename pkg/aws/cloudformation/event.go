package cloudformation

import (
	"context"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	service "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// StackType is the Type of an event of the stack itself.
const StackType = "AWS::CloudFormation::Stack"

// Event is one line of a stack's history. What package stack says of itself, such as
// that it waits, has only Time and Reason.
type Event struct {
	ID         string // unlike that of any other, "Database-CREATE_COMPLETE-2026-05-01T12:00:00.000Z"
	Time       time.Time
	LogicalID  string // "Database"; that of the stack itself is its name
	PhysicalID string // "perpetual-ci-database-1abc2def"; empty before there is one
	Type       string // "AWS::RDS::DBInstance"
	Status     string // "CREATE_IN_PROGRESS"
	Reason     string // one line; empty when nothing is to be said
}

// LastEvent is the ID of the newest event of the stack of ARN id; empty if there is none,
// or no such stack.
func (c *Client) LastEvent(ctx context.Context, id string) (string, error) {
	page, err := c.api.DescribeStackEvents(ctx, &service.DescribeStackEventsInput{StackName: &id})
	if missing(err) {
		return "", nil
	}
	if err != nil {
		return "", c.explain(ctx, "read the events of stack "+c.stack, err)
	}
	if len(page.StackEvents) == 0 {
		return "", nil
	}
	return sdk.ToString(page.StackEvents[0].EventId), nil
}

// Events are those of the stack of ARN id, newest first, up to the one at which stop says
// true, without it. What happens between two pages may make the second repeat the end of
// the first: each is given once.
func (c *Client) Events(ctx context.Context, id string, stop func(Event) bool) ([]Event, error) {
	var out []Event
	seen := map[string]bool{}
	in := &service.DescribeStackEventsInput{StackName: &id}
	for {
		page, err := c.api.DescribeStackEvents(ctx, in)
		if err != nil {
			return nil, c.explain(ctx, "read the events of stack "+c.stack, err)
		}
		for _, given := range page.StackEvents {
			e := newEvent(given)
			if stop(e) {
				return out, nil
			}
			if !seen[e.ID] {
				seen[e.ID], out = true, append(out, e)
			}
		}
		if in.NextToken = page.NextToken; sdk.ToString(in.NextToken) == "" {
			return out, nil
		}
	}
}

// newEvent reads one event.
func newEvent(given types.StackEvent) Event {
	return Event{
		ID: sdk.ToString(given.EventId), Time: sdk.ToTime(given.Timestamp), LogicalID: sdk.ToString(given.LogicalResourceId),
		PhysicalID: sdk.ToString(given.PhysicalResourceId), Type: sdk.ToString(given.ResourceType),
		Status: string(given.ResourceStatus), Reason: oneLine(given.ResourceStatusReason),
	}
}
