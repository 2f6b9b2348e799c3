package account

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// Error is a refusal by one of AWS's services.
type Error struct {
	Service string // "EC2"
	Status  int    // 403
	Code    string // "UnauthorizedOperation"; empty if the answer was none of AWS's
	Message string // in AWS's words, one line
	ID      string // of the request, for Amazon's support
	hint    string
	kind    error
}

// Error implements error.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s answered %d", e.Service, e.Status)
	if e.Code != "" {
		text += " " + e.Code
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.hint != "" {
		text += " (" + e.hint + ")"
	}
	return text
}

// Unwrap gives aws.ErrCredentials, ErrDenied, ErrNotFound or nil.
func (e *Error) Unwrap() error { return e.kind }

// What helps against the refusals that users meet. The codes are those of the
// pages "Common errors" of the services' API references.
const (
	renew = "renew the credentials: `aws sso login` for an SSO profile, new session keys otherwise; then run the same command again"
	key   = "check the access key, and that the region is enabled in the account"
	clock = "check the secret key and this machine's clock"
)

var hints = map[string]string{
	"ExpiredToken": renew, "ExpiredTokenException": renew, "RequestExpired": "check this machine's clock, and " + renew, "TokenRefreshRequired": renew,
	"InvalidClientTokenId": key, "InvalidAccessKeyId": key, "UnrecognizedClientException": key, "AuthFailure": key, "InvalidToken": key,
	"SignatureDoesNotMatch": clock, "InvalidSignatureException": clock, "IncompleteSignature": clock,
	"RequestTimeTooSkewed": "set this machine's clock",
	"OptInRequired":        "finish the sign-up of the account, or enable the service in it",
	"Blocked":              "Amazon has blocked the account: ask its support",
	"Throttling":           busy, "ThrottlingException": busy, "RequestLimitExceeded": busy, "SlowDown": busy, "TooManyRequestsException": busy,
}

const busy = "the account makes too many calls: wait a minute and run the same command again"

// credentialCodes are the refusals that other credentials would help against.
var credentialCodes = map[string]bool{
	"ExpiredToken": true, "ExpiredTokenException": true, "RequestExpired": true, "TokenRefreshRequired": true,
	"InvalidClientTokenId": true, "InvalidAccessKeyId": true, "UnrecognizedClientException": true, "AuthFailure": true, "InvalidToken": true,
	"SignatureDoesNotMatch": true, "InvalidSignatureException": true, "IncompleteSignature": true, "RequestTimeTooSkewed": true, "MissingAuthenticationToken": true,
}

// deniedCodes are the refusals that another policy would help against.
var deniedCodes = map[string]bool{
	"AccessDenied": true, "AccessDeniedException": true, "UnauthorizedOperation": true, "AllAccessDisabled": true, "Forbidden": true,
}

// wrap says what was being done.
func (a *Account) wrap(ctx context.Context, action string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", action, a.explain(ctx, err))
}

// explain makes an error of the SDK ours.
func (a *Account) explain(ctx context.Context, err error) error {
	var keys *credentialFailure
	var unsent *smithyhttp.RequestSendError
	var answer *smithyhttp.ResponseError
	var operation *smithy.OperationError
	service, call := "AWS", ""
	if errors.As(err, &operation) {
		service, call = operation.Service(), operation.Operation()
	}
	switch {
	case errors.As(err, &keys):
		return keys
	case ctx.Err() != nil:
		return fmt.Errorf("wait for an answer from %s: %w", service, context.Cause(ctx))
	case errors.As(err, &unsent):
		return retry.Explain(unsent.Err, hostOf(unsent.Err, service), a.options.CACert != "")
	case errors.As(err, &answer) && answer.HTTPStatusCode() >= 300:
		return refusal(answer, err, service, call)
	case errors.As(err, &answer):
		return fmt.Errorf("read the answer of %s: %s", service, retry.FirstLine(answer.Err.Error()))
	}
	return err
}

// short is an error of the SDK in few words, for a line about a wait.
func short(err error) string {
	var unsent *smithyhttp.RequestSendError
	var answer *smithyhttp.ResponseError
	switch {
	case errors.As(err, &unsent):
		return retry.Explain(unsent.Err, hostOf(unsent.Err, "AWS"), false).Error()
	case errors.As(err, &answer):
		return refusal(answer, err, "AWS", "").Error()
	}
	return retry.FirstLine(err.Error())
}

// hostOf is the host that was not reached.
func hostOf(err error, otherwise string) string {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		if u, err := url.Parse(wrapped.URL); err == nil && u.Host != "" {
			return u.Host
		}
	}
	return otherwise
}

// encoded is the part of a refusal that only `aws sts decode-authorization-message` can read.
var encoded = regexp.MustCompile(`\s*Encoded authorization failure message: \S+`)

// refusal reads a refusal.
func refusal(answer *smithyhttp.ResponseError, err error, service, call string) *Error {
	e := &Error{Service: service, Status: answer.HTTPStatusCode()}
	var known smithy.APIError
	// Without a body that AWS wrote, the SDK makes a code up.
	if errors.As(err, &known) && known.ErrorCode() != "UnknownError" {
		e.Code = retry.FirstLine(known.ErrorCode())
		e.Message = oneLine(encoded.ReplaceAllString(known.ErrorMessage(), ""))
	}
	var withID interface{ ServiceRequestID() string }
	if errors.As(err, &withID) {
		e.ID = withID.ServiceRequestID()
	}
	e.hint = hints[e.Code]
	switch {
	case credentialCodes[e.Code]:
		e.kind = aws.ErrCredentials
	case deniedCodes[e.Code]:
		e.kind, e.hint = ErrDenied, denial(e.Message, service, call)
	case e.Status == 404, strings.HasSuffix(e.Code, "NotFound"), e.Code == "NotFoundException":
		e.kind = ErrNotFound
	}
	return e
}

// oneLine makes foreign text fit for an error; AWS's denials are long, and say at
// their end what is missing.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 600 {
		text = strings.ToValidUTF8(text[:600], "") + "…"
	}
	return text
}

// actions are the IAM actions of calls that are not named as the calls are, from
// the service authorization reference.
var actions = map[string]string{
	"s3:CreateBucket": "s3:CreateBucket and s3:TagResource",
	"s3:HeadBucket":   "s3:ListBucket", "s3:ListObjectVersions": "s3:ListBucketVersions", "s3:DeleteObjects": "s3:DeleteObjectVersion",
	"s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock", "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
	"s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration", "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
	"s3:GetBucketEncryption": "s3:GetEncryptionConfiguration", "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
}

// prefixes are the services' names in IAM.
var prefixes = map[string]string{
	"EC2": "ec2", "SSM": "ssm", "STS": "sts", "S3": "s3", "IAM": "iam", "Route 53": "route53", "Resource Groups Tagging API": "tag",
	"Service Quotas": "servicequotas", "KMS": "kms",
}

// denial names the missing permission.
func denial(message, service, call string) string {
	if strings.Contains(message, "explicit deny") {
		return "a policy denies it, of the user, the organization or a permissions boundary: ask who administers the account"
	}
	prefix, known := prefixes[service]
	if !known || call == "" {
		return "the credentials lack a permission"
	}
	action := prefix + ":" + call
	if other, ok := actions[action]; ok {
		action = other
	}
	return "allow " + action + " to the user or role"
}

// refused says whether err is a refusal with one of the codes.
func refused(err error, codes ...string) bool {
	var known smithy.APIError
	if !errors.As(err, &known) {
		return false
	}
	for _, code := range codes {
		if known.ErrorCode() == code {
			return true
		}
	}
	return false
}

// status is the HTTP status of a refusal, 0 if err is none.
func status(err error) int {
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) {
		return answer.HTTPStatusCode()
	}
	return 0
}

// unknownHost says whether a name has no address.
func unknownHost(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}

// credentialFailure says that there are no credentials to sign with.
type credentialFailure struct {
	text, todo string
	err        error
}

// credentialError makes one.
func credentialError(text, todo string, err error) error {
	return &credentialFailure{text: text, todo: todo, err: err}
}

// Error implements error.
func (e *credentialFailure) Error() string { return e.text + ": " + e.todo }

// Unwrap implements errors.Unwrap, and makes it aws.ErrCredentials.
func (e *credentialFailure) Unwrap() []error { return []error{aws.ErrCredentials, e.err} }

// namedProvider makes errors say where credentials were looked for, and what to do.
type namedProvider struct {
	from    sdk.CredentialsProvider
	profile string
}

// Retrieve implements sdk.CredentialsProvider.
func (p *namedProvider) Retrieve(ctx context.Context) (sdk.Credentials, error) {
	found, err := p.from.Retrieve(ctx)
	if err == nil || ctx.Err() != nil {
		return found, err
	}
	var session *ssocreds.InvalidTokenError
	login := "aws sso login"
	if p.profile != "" {
		login += " --profile " + p.profile
	}
	switch text := err.Error(); {
	case errors.As(err, &session), strings.Contains(text, "SSO"), strings.Contains(text, "UnauthorizedException") && p.profile != "":
		return found, credentialError("the SSO session has expired, or there was none", "run `"+login+"`, then the same command again", err)
	case strings.Contains(text, "ExpiredToken"):
		return found, credentialError("the credentials have expired", renew, err)
	case strings.Contains(text, "EC2 IMDS"), strings.Contains(text, "ec2imds"):
		return found, credentialError("no AWS credentials found",
			"set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; in a container, mount ~/.aws or pass these with -e", err)
	}
	return found, credentialError("get AWS credentials: "+short(err), "check the profile or the environment", err)
}
