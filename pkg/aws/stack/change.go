package stack

import (
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/aws/layout"
)

// Change is a planned change.
type Change struct {
	ID        string // ARN of the change set; empty when there is none yet, or no need of one
	Create    bool   // the stack is made by it
	Empty     bool   // there is nothing to do
	Resources []cloudformation.ResourceChange
	// Details say for people what changes in parameters, tags, policies, rules of security
	// groups and other values: "+ UpgradePolicy: Allow ec2:AttachVolume on …".
	Details []string
	// Protect says that the stack's protection against deletion will be turned on.
	Protect bool
	// Repair says what must be done before a change set can be made, and then what
	// resources change is not known yet: "delete what is left of a failed creation"
	// or "finish a rollback". Empty: nothing.
	Repair string

	guard      bool // the database is made by it, and then protected by a second change
	name       string
	parameters *layout.Parameters // a pointer, as text of a Change would show the password otherwise
}

// What Repair can say.
const (
	repairRemains  = "delete what is left of a failed creation"
	repairRollback = "finish a rollback"
)

// tagging says whether a detail is about tags: those of the stack, or a resource's own.
func tagging(detail string) bool { return detail == "Tags" || detail == "Properties.Tags" }

// permitted says whether the pipeline has a right to a change. Its policy in the
// template grants what this says.
func permitted(r cloudformation.ResourceChange) bool {
	if r.Action != cloudformation.Modify || r.Replacement != "False" {
		return false
	}
	if r.Type == "AWS::Route53::RecordSet" {
		return true
	}
	return strings.HasPrefix(r.Type, "AWS::EC2::") && len(r.Details) > 0 &&
		!slices.ContainsFunc(r.Details, func(detail string) bool { return !tagging(detail) })
}

// Forbidden lists the resources of a change that the pipeline has no right to
// change: these are for an operator's deploy. It may change tags in EC2, and the record
// where it is. Rules of security groups and the database are among the others, because
// IAM knows no right to change them that would not open a port to everybody, or set
// another password.
func (c Change) Forbidden() []string {
	var out []string
	if c.Repair == repairRemains {
		out = append(out, "the whole stack, which is created again")
	}
	for _, r := range c.Resources {
		if !permitted(r) {
			out = append(out, r.LogicalID)
		}
	}
	return out
}
