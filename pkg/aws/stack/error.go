package stack

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/aws"
)

var (
	// ErrNotFound says that there is no such stack.
	ErrNotFound = errors.New("there is no such stack")
	// ErrForeign says that a stack of the name exists that is not ours.
	ErrForeign = errors.New("a stack of this name exists that Perpetual has not made")
	// ErrProtected says that a stack is protected against deletion.
	ErrProtected = errors.New("it is protected against deletion, and nothing was deleted")
	// ErrCapacity says that Amazon has no more of something for the moment.
	ErrCapacity = errors.New("AWS has no capacity left")
)

// Error says that the stack is not as wanted.
type Error struct {
	Stack    string   // "perpetual-ci"
	State    string   // "ROLLBACK_COMPLETE"
	Failures []string // "Database (AWS::RDS::DBInstance): …", oldest first
	Now      string   // what is still true
	Do       string   // what to do
	kind     error
}

// Error implements error.
func (e *Error) Error() string {
	text := fmt.Sprintf("stack %s is %s", e.Stack, e.State)
	if len(e.Failures) > 0 {
		shown := e.Failures[:min(len(e.Failures), 5)]
		text += ": " + strings.Join(shown, "; ")
		if more := len(e.Failures) - len(shown); more > 0 {
			text += fmt.Sprintf("; and %d more", more)
		}
	}
	return text + " (" + e.Now + "). " + strings.ToUpper(e.Do[:1]) + e.Do[1:]
}

// Unwrap gives aws.ErrQuota, ErrCapacity, aws.ErrDenied, aws.ErrCredentials or nil.
func (e *Error) Unwrap() error { return e.kind }

// outcomes say, for every state in which a change can end badly or be left, what
// is still true and what to do.
var outcomes = map[string][2]string{
	"CREATE_FAILED":            {"what was created before it failed is still there", "correct the cause and run again: that is deleted and created again"},
	"ROLLBACK_COMPLETE":        {"the creation failed and was undone: nothing of it is left but the empty stack", "correct the cause and run again: the stack is created again"},
	"ROLLBACK_FAILED":          {"the creation failed, and part of it could not be deleted", "correct the cause and run again: what is left is deleted and created again"},
	"UPDATE_FAILED":            {"the update stopped half-way: the stack is neither as it was nor as wanted, and nothing was deleted", "correct the cause and run again"},
	"UPDATE_ROLLBACK_COMPLETE": {"the update was undone: everything is as it was before", "correct the cause and run again"},
	"UPDATE_ROLLBACK_FAILED":   {"the update failed, and could not be undone either: part of the stack is new and part is old", "correct the cause and run again: the rollback is finished first"},
	"DELETE_FAILED":            {"part of it could not be deleted and is still there", "correct the cause and run destroy again"},
	"DELETE_COMPLETE":          {"somebody deleted it while it was waited for", "run again"},
	"IMPORT_ROLLBACK_FAILED":   {"somebody imported resources into it, and that failed", "finish that in the CloudFormation console, then run again"},
}

// stateError makes an error of a state.
func (s *Stack) stateError(status Status) error {
	outcome, ok := outcomes[status.State]
	if !ok {
		outcome = [2]string{either(status.Reason, "its state is not one that follows from what was done"), "look at its events in the CloudFormation console, then run again"}
	}
	e := &Error{Stack: s.options.Name, State: either(status.State, "gone"), Failures: status.Failures, Now: outcome[0], Do: outcome[1]}
	for _, reason := range append([]string{status.Reason}, status.Failures...) {
		if hint, kind := diagnose(reason); hint != "" {
			e.kind, e.Do = kind, hint+"; then "+strings.TrimPrefix(e.Do, "correct the cause and ")
			break
		}
	}
	return e
}

// foreign says that a stack is not ours.
func (s *Stack) foreign(status Status) error {
	whose := "it has no tag " + ownerTag
	if owner := status.Tags[ownerTag]; owner != "" {
		whose = fmt.Sprintf("its tag %s is %q", ownerTag, owner)
	}
	return fmt.Errorf("use stack %s: %w (%s); it was not touched: choose another name, or delete that stack if it is not needed", s.options.Name, ErrForeign, whose)
}

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

// diagnose finds the cause in what a service says; the hint is "" if it is unknown.
func diagnose(reason string) (hint string, kind error) {
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

// either is the first text that is one.
func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// explain makes an error of the SDK ours; nil stays nil.
func (s *Stack) explain(ctx context.Context, action string, err error) error {
	if err == nil {
		return nil
	}
	region := s.options.Connection.Region()
	err = aws.Caller{Host: "CloudFormation in " + region, Region: region, CACert: s.options.Connection.CACert() != ""}.Explain(ctx, err)
	var e *aws.Error
	if errors.As(err, &e) && e.Kind != aws.ErrCredentials { //nolint:errorlint // a kind is one of the constants
		if hint, kind := diagnose(e.Message); hint != "" {
			e.Hint, e.Kind = hint, kind
		} else if e.Kind == aws.ErrDenied && strings.HasPrefix(e.Hint, "allow ") { //nolint:errorlint // a kind is one of the constants
			e.Hint += "; " + permissions
		}
	}
	return fmt.Errorf("%s: %w", action, err)
}
