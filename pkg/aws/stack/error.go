package stack

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

var (
	// ErrNotFound says that there is no such stack.
	ErrNotFound = errors.New("there is no such stack")
	// ErrForeign says that a stack of the name exists that is not ours.
	ErrForeign = errors.New("a stack of this name exists that Perpetual has not made")
	// ErrProtected says that a stack is protected against deletion.
	ErrProtected = errors.New("it is protected against deletion, and nothing was deleted")
	// ErrDenied says that a permission is missing.
	ErrDenied = errors.New("a permission is missing")
	// ErrQuota says that the account may not have more of something.
	ErrQuota = errors.New("a quota of the account is used up")
	// ErrCapacity says that Amazon has no more of something for the moment.
	ErrCapacity = errors.New("AWS has no capacity left")
	// ErrCredentials is aws.ErrCredentials.
	ErrCredentials = aws.ErrCredentials
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

// Unwrap gives ErrQuota, ErrCapacity, ErrDenied, ErrCredentials or nil.
func (e *Error) Unwrap() error { return e.kind }

// outcomes say, for every state in which a change can end badly or be left, what
// is still true and what to do.
var outcomes = map[string][2]string{
	"CREATE_FAILED":            {"what was made before it failed is still there", "correct the cause and run again: that is deleted and made again"},
	"ROLLBACK_COMPLETE":        {"the creation failed and was undone: nothing of it is left but the empty stack", "correct the cause and run again: the stack is made again"},
	"ROLLBACK_FAILED":          {"the creation failed, and part of it could not be deleted", "correct the cause and run again: what is left is deleted and made again"},
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

// notAuthorized finds the missing action in a refusal by IAM.
var notAuthorized = regexp.MustCompile(`not authorized to perform:? ([a-z0-9-]+:[A-Za-z0-9]+)`)

// causes say, of reasons that resources fail for, what kind they are and what to
// do. They are parts of the services' own messages.
var causes = []struct {
	part string
	kind error
	hint string
}{
	{"maximum number of addresses", ErrQuota, "release unused elastic addresses, or have the quota \"EC2-VPC Elastic IPs\" raised in Service Quotas (an installation has three)"},
	{"AddressLimitExceeded", ErrQuota, "release unused elastic addresses, or have the quota \"EC2-VPC Elastic IPs\" raised in Service Quotas (an installation has three)"},
	{"maximum number of VPCs", ErrQuota, "remove unused VPCs, name an existing one in the configuration, or have the quota \"VPCs per Region\" raised"},
	{"VpcLimitExceeded", ErrQuota, "remove unused VPCs, name an existing one in the configuration, or have the quota \"VPCs per Region\" raised"},
	{"LimitExceeded", ErrQuota, "have the quota that is named raised in Service Quotas, or remove what is not needed"},
	{"QuotaExceeded", ErrQuota, "have the quota that is named raised in Service Quotas, or remove what is not needed"},
	{"InsufficientDBInstanceCapacity", ErrCapacity, "choose another database.instance_type or other zones, or wait"},
	{"nsufficient capacity", ErrCapacity, "choose another instance type or other zones, or wait"},
	{"RDS does not support creating a DB instance", nil, "choose a database.instance_type that the region offers for PostgreSQL"},
	{"security token included in the request is expired", ErrCredentials, renew},
	{"Cannot delete protected DB Instance", ErrProtected, "turn off the database's deletion protection in the RDS console"},
	{"ependencyViolation", nil, "remove what others have put into the network, such as VMs, interfaces and security groups"},
	{"has a dependent object", nil, "remove what others have put into the network, such as VMs, interfaces and security groups"},
	{"has dependencies and cannot be deleted", nil, "remove what others have put into the network, such as VMs, interfaces and security groups"},
	{"already exists", nil, "remove what is there under that name from before, or choose another name for the installation"},
	{"conflicts with another subnet", nil, "choose a network.cidr that is free"},
}

const renew = "renew the credentials (for a profile with SSO: aws sso login)"

// diagnose finds the cause in what a service says; the hint is "" if it is unknown.
func diagnose(reason string) (hint string, kind error) {
	if missing := notAuthorized.FindStringSubmatch(reason); missing != nil {
		if action := missing[1]; action == "iam:CreateRole" || action == "iam:CreateUser" || strings.HasSuffix(action, "PermissionsBoundary") {
			return "set aws.permissions_boundary to the policy that whoever installs is bound to use, or have " + action + " allowed; see the README under \"Permissions\"", ErrDenied
		}
		return "have " + missing[1] + " allowed; the whole policy is in the README under \"Permissions\"", ErrDenied
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

// refusal is an answer with an error.
type refusal struct {
	code, message, hint string
	kind                error
}

// Error implements error.
func (e *refusal) Error() string {
	text := "CloudFormation answered " + e.code
	if e.message != "" {
		text += ": " + e.message
	}
	if e.hint != "" {
		text += "; " + e.hint
	}
	return text
}

// Unwrap gives the kind.
func (e *refusal) Unwrap() error { return e.kind }

// codes are refusals of the API itself: those of the page "Common errors" of its
// reference, and of the signature.
var codes = map[string]struct {
	kind error
	hint string
}{
	"ExpiredToken":                {ErrCredentials, renew + " and run again"},
	"ExpiredTokenException":       {ErrCredentials, renew + " and run again"},
	"RequestExpired":              {ErrCredentials, renew + ", look at this machine's clock, and run again"},
	"InvalidClientTokenId":        {ErrCredentials, "the access key does not exist: give another"},
	"UnrecognizedClientException": {ErrCredentials, "the access key does not exist, or the region is not enabled in the account"},
	"SignatureDoesNotMatch":       {ErrCredentials, "the secret key does not belong to the access key, or this machine's clock is wrong"},
	"InvalidSignatureException":   {ErrCredentials, "the secret key does not belong to the access key, or this machine's clock is wrong"},
	"MissingAuthenticationToken":  {ErrCredentials, "give credentials"},
	"OptInRequired":               {ErrCredentials, "the account is not enabled for the service"},
	"AccessDenied":                {ErrDenied, "have that allowed; the whole policy is in the README under \"Permissions\""},
	"AccessDeniedException":       {ErrDenied, "have that allowed; the whole policy is in the README under \"Permissions\""},
	"Throttling":                  {nil, "the account makes too many calls; run again in a minute"},
	"ThrottlingException":         {nil, "the account makes too many calls; run again in a minute"},
	"LimitExceededException":      {ErrQuota, "remove stacks that are not needed, or have the quota raised in Service Quotas"},
	"LimitExceeded":               {ErrQuota, "remove stacks that are not needed, or have the quota raised in Service Quotas"},
	"ChangeSetNotFound":           {nil, "the change set is gone: plan again"},
	"InvalidChangeSetStatus":      {nil, "the stack was changed after this was planned: plan again"},
}

// explain makes an error of the SDK ours; nil stays nil.
func (s *Stack) explain(ctx context.Context, action string, err error) error {
	if err == nil {
		return nil
	}
	var known smithy.APIError
	var unsent *smithyhttp.RequestSendError
	var answer *smithyhttp.ResponseError
	host := "CloudFormation in " + s.options.Connection.Region()
	switch {
	case errors.As(err, &known) && known.ErrorCode() != "UnknownError":
		e := &refusal{code: known.ErrorCode(), message: retry.FirstLine(known.ErrorMessage())}
		e.kind, e.hint = codes[e.code].kind, codes[e.code].hint
		if hint, kind := diagnose(e.message); hint != "" && e.kind != ErrCredentials {
			e.kind, e.hint = kind, hint
		}
		err = e
	case ctx.Err() != nil:
		err = fmt.Errorf("wait for an answer: %w", context.Cause(ctx))
	case errors.As(err, &unsent):
		err = retry.Explain(unsent.Err, host, false)
	case errors.As(err, &answer) && answer.HTTPStatusCode() >= 300:
		err = fmt.Errorf("%s answered %d, in words that are none of its own: a proxy may be between", host, answer.HTTPStatusCode())
	case errors.Is(err, ErrCredentials):
	case errors.As(err, &answer):
		err = fmt.Errorf("read the answer of %s: %s", host, retry.FirstLine(answer.Err.Error()))
	default:
		err = retry.Explain(errors.New(retry.FirstLine(err.Error())), host, false)
	}
	return fmt.Errorf("%s: %w", action, err)
}
