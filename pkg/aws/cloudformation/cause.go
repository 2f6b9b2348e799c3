package cloudformation

import (
	"errors"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/aws"
)

var (
	// ErrProtected says that a stack, or the database in it, is protected against deletion.
	ErrProtected = errors.New("it is protected against deletion, and nothing was deleted")
	// ErrCapacity says that Amazon has no more of something for the moment.
	ErrCapacity = errors.New("AWS has no capacity left")
)

// causes say, of reasons that resources fail for, what kind they are and what to
// do. They are parts of the services' own messages.
var causes = []struct {
	part string
	kind error
	hint string
}{
	{"maximum number of addresses", aws.ErrQuota, "release unused elastic addresses, or have the quota \"EC2-VPC Elastic IPs\" raised in Service Quotas (an installation has three)"},
	{"AddressLimitExceeded", aws.ErrQuota, "release unused elastic addresses, or have the quota \"EC2-VPC Elastic IPs\" raised in Service Quotas (an installation has three)"},
	{"maximum number of VPCs", aws.ErrQuota, "remove unused VPCs, name an existing one in the configuration, or have the quota \"VPCs per Region\" raised"},
	{"VpcLimitExceeded", aws.ErrQuota, "remove unused VPCs, name an existing one in the configuration, or have the quota \"VPCs per Region\" raised"},
	{"LimitExceeded", aws.ErrQuota, "have the quota that is named raised in Service Quotas, or remove what is not needed"},
	{"QuotaExceeded", aws.ErrQuota, "have the quota that is named raised in Service Quotas, or remove what is not needed"},
	{"InsufficientDBInstanceCapacity", ErrCapacity, "choose another database.instance_type or other zones, or wait"},
	{"nsufficient capacity", ErrCapacity, "choose another instance type or other zones, or wait"},
	{"RDS does not support creating a DB instance", nil, "choose a database.instance_type that the region offers for PostgreSQL"},
	{"security token included in the request is expired", aws.ErrCredentials, aws.Renew},
	{"Cannot delete protected DB Instance", ErrProtected, "turn off the database's deletion protection in the RDS console"},
	{"ependencyViolation", nil, "remove what others have put into the network, such as VMs, interfaces and security groups"},
	{"has a dependent object", nil, "remove what others have put into the network, such as VMs, interfaces and security groups"},
	{"has dependencies and cannot be deleted", nil, "remove what others have put into the network, such as VMs, interfaces and security groups"},
	{"already exists", nil, "remove what is there under that name from before, or choose another name for the installation"},
	{"conflicts with another subnet", nil, "choose a network.cidr that is free"},
}

// permissions is where the rights of who installs are listed.
const permissions = "perpetual docs permissions names the policies"

// Diagnose finds, in the reason that a service gives for a failure, what kind it is and
// what helps; the hint is "" if that is unknown.
func Diagnose(reason string) (hint string, kind error) {
	switch missing := aws.Missing(reason); {
	case strings.Contains(reason, "explicit deny"):
		return aws.Denial(reason), aws.ErrDenied
	case missing == "":
	case missing == "iam:CreateRole", missing == "iam:CreateUser", strings.HasSuffix(missing, "PermissionsBoundary"):
		return "set aws.permissions_boundary to the policy that whoever installs is bound to use, or " + aws.Denial(reason) + "; see perpetual docs permissions", aws.ErrDenied
	default:
		return aws.Denial(reason) + "; " + permissions, aws.ErrDenied
	}
	for _, c := range causes {
		if strings.Contains(strings.ToLower(reason), strings.ToLower(c.part)) {
			return c.hint, c.kind
		}
	}
	return "", nil
}
