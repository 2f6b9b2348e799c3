package cloudformation_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/aws/cloudformation"
)

func TestDiagnose(t *testing.T) {
	const who = "User: arn:aws:iam::123456789012:user/x is not authorized to perform: "
	for reason, want := range map[string]struct {
		kind error
		hint string // a part of it; empty: none is given
	}{
		"The maximum number of addresses has been reached.":                                    {aws.ErrQuota, "EC2-VPC Elastic IPs"},
		"Error: DBSubnetGroupQuotaExceeded":                                                    {aws.ErrQuota, "Service Quotas"},
		"there isn't sufficient capacity: InsufficientDBInstanceCapacity":                      {cloudformation.ErrCapacity, "database.instance_type"},
		"Insufficient capacity.":                                                               {cloudformation.ErrCapacity, "another instance type"},
		"Cannot delete protected DB Instance":                                                  {cloudformation.ErrProtected, "RDS console"},
		"resource vpc-1 has a DependencyViolation":                                             {nil, "what others have put into the network"},
		who + "rds:CreateDBInstance on resource: y because no identity-based policy allows it": {aws.ErrDenied, "allow rds:CreateDBInstance"},
		who + "iam:CreateRole on resource: y because no identity-based policy allows it":       {aws.ErrDenied, "aws.permissions_boundary"},
		who + "iam:CreateRole on resource: y with an explicit deny in a permissions boundary":  {aws.ErrDenied, "ask who administers the account"},
		"something odd": {},
	} {
		hint, kind := cloudformation.Diagnose(reason)
		if kind != want.kind || !strings.Contains(hint, want.hint) || want.hint == "" && hint != "" { //nolint:errorlint // a kind is one of the constants
			t.Errorf("%s: %q, %v; want %q, %v", reason, hint, kind, want.hint, want.kind)
		}
	}
}
