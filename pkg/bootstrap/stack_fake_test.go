package bootstrap_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/perpetual-ci/perpetual/pkg/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/aws/layout"
	"github.com/perpetual-ci/perpetual/pkg/aws/stack"
)

// cloudStack is infrastructure.Stack on the cloud.
type cloudStack struct{ *cloud }

// Describe implements infrastructure.Stack.
func (c cloudStack) Describe(context.Context) (stack.Status, error) {
	if c.stack == nil {
		return stack.Status{}, nil
	}
	status := stack.Status{
		Exists: true, Ours: true, Outputs: c.given(),
		Stack: cloudformation.Stack{
			State:      "CREATE_COMPLETE",
			Parameters: map[string]string{"StateBucket": c.bucket, "NetworkCIDR": "10.0.0.0/16", "DatabaseVersion": strconv.Itoa(c.major)},
		},
	}
	if c.undo {
		status.State = "UPDATE_ROLLBACK_COMPLETE"
	}
	if c.stands != nil {
		c.stands(&status)
	}
	return status, nil
}

// Plan implements infrastructure.Stack.
func (c cloudStack) Plan(_ context.Context, p layout.Parameters) (stack.Change, error) {
	if c.refusePlan != nil {
		return stack.Change{}, c.refusePlan
	}
	change, err := c.plan(p)
	if err == nil && !change.Empty && change.Repair == "" {
		c.changeSets++
	}
	return change, err
}

// plan compares.
func (c cloudStack) plan(p layout.Parameters) (stack.Change, error) {
	c.planned = p
	group := []cloudformation.ResourceChange{{Action: cloudformation.Modify, LogicalID: "DirectorSecurityGroup", Type: "AWS::EC2::SecurityGroup", Replacement: "False", Details: []string{"Properties.Tags"}}}
	switch {
	case c.broken:
		return stack.Change{Repair: "finish a rollback"}, nil
	case c.stack == nil:
		return stack.Change{Create: true, Resources: []cloudformation.ResourceChange{{Action: cloudformation.Add, LogicalID: "VPC", Type: "AWS::EC2::VPC"}}}, nil
	case c.major > 0 && p.DatabaseVersion != "" && p.DatabaseVersion != strconv.Itoa(c.major):
		return stack.Change{Resources: group}, nil
	}
	compared := func(p layout.Parameters) string {
		return fmt.Sprint(p.Zones, p.DirectorCIDRs, p.DatabasePassword.Reveal(), p.UpgradeWorker)
	}
	if compared(*c.stack) == compared(p) {
		return stack.Change{Empty: true}, nil
	}
	return stack.Change{Resources: group}, nil
}

// Execute implements infrastructure.Stack.
func (c cloudStack) Execute(ctx context.Context, _ stack.Change) (layout.Outputs, error) {
	if err := c.effect("stack"); err != nil {
		return layout.Outputs{}, err
	}
	c.changeSets--
	if c.applying != nil {
		c.applying(ctx)
	}
	p := c.planned
	c.cloud.stack, c.applied = &p, append(c.applied, p)
	if version, _ := strconv.Atoi(p.DatabaseVersion); c.major > 0 && version > 0 {
		c.major = version
	}
	return c.given(), ctx.Err()
}

// Discard implements infrastructure.Stack.
func (c cloudStack) Discard(ctx context.Context, _ stack.Change) error {
	if c.discarding != nil {
		c.discarding()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.discarded++
	c.changeSets--
	return nil
}

// Outputs implements infrastructure.Stack.
func (c cloudStack) Outputs(context.Context) (layout.Outputs, error) { return c.given(), nil }

// Delete implements infrastructure.Stack.
func (c cloudStack) Delete(context.Context, bool) ([]string, error) {
	if err := c.effect("stack deleted"); err != nil {
		return nil, err
	}
	c.cloud.stack = nil
	return []string{"the last snapshot of the database"}, nil
}

// given are the outputs.
func (c cloudStack) given() layout.Outputs {
	o := layout.Outputs{
		Region: "eu-central-1", VPC: "vpc-1", DirectorAddress: "198.51.100.2", DirectorIP: "10.0.0.6",
		WebAddress: cmp.Or(c.web, "198.51.100.1"), NATAddress: "198.51.100.3", KeyPair: "perpetual-ci", ParameterPath: "/perpetual/ci", OwnPath: "/perpetual-own/ci",
		PipelineUser: c.pipelineUser, ReaderUser: "reader",
		DirectorSecurityGroup: "sg-1", VMsSecurityGroup: "sg-2", WebSecurityGroup: cmp.Or(c.webGroup, "sg-3"), DatabaseSecurityGroup: "sg-4", UpgradeWorkerSecurityGroup: "sg-5",
		DirectorInstanceProfile: "director", WebInstanceProfile: "web", WorkerInstanceProfile: "worker",
		DatabaseHost: "db.example.com", DatabasePort: 5432, DatabaseName: "concourse", DatabaseUser: "concourse",
		Zones: slices.Clone(c.stack.Zones),
	}
	for i := range o.Zones {
		o.PublicSubnets = append(o.PublicSubnets, fmt.Sprintf("subnet-public-%d", i))
		o.PrivateSubnets = append(o.PrivateSubnets, fmt.Sprintf("subnet-private-%d", i))
		o.PublicCIDRs = append(o.PublicCIDRs, fmt.Sprintf("10.0.%d.0/24", i))
		o.PrivateCIDRs = append(o.PrivateCIDRs, fmt.Sprintf("10.0.%d.0/20", 16*(i+1)))
	}
	return o
}
