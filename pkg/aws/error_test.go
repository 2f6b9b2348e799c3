package aws_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// refusal is one as the SDK gives it.
func refusal(service, call string, status int, code, message string, header http.Header) error {
	return &smithy.OperationError{ServiceID: service, OperationName: call, Err: &awshttp.ResponseError{
		RequestID: "4442587FB7D0A2F9",
		ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status, Header: header}},
			Err:      &smithy.GenericAPIError{Code: code, Message: message},
		},
	}}
}

func TestExplain_saysWhatHelpsAgainstEachRefusal(t *testing.T) {
	const inRegion = "eu-central-1"
	denied := "User: arn:aws:iam::1:user/ada is not authorized to perform: rds:CreateDBInstance on resource: x"
	for _, c := range []struct {
		service, call string
		status        int
		code, message string
		kind          error
		hint          string
	}{
		{"EC2", "DescribeRegions", 400, "ExpiredToken", "", aws.ErrCredentials, aws.Renew},
		{"SSM", "GetParameter", 400, "ExpiredTokenException", "", aws.ErrCredentials, aws.Renew},
		{"EC2", "DescribeRegions", 400, "RequestExpired", "", aws.ErrCredentials, "check this machine's clock, and renew the credentials"},
		{"STS", "GetCallerIdentity", 403, "InvalidClientTokenId", "", aws.ErrCredentials, "check the access key: it does not exist, its session token is another one's, or the region is not enabled"},
		{"KMS", "Sign", 400, "UnrecognizedClientException", "", aws.ErrCredentials, "or the region is not enabled in the account"},
		{"S3", "GetObject", 403, "InvalidAccessKeyId", "", aws.ErrCredentials, "check the access key: it does not exist"},
		{"S3", "GetObject", 400, "InvalidToken", "", aws.ErrCredentials, "check the session token"},
		{"CloudFormation", "DescribeStacks", 403, "SignatureDoesNotMatch", "", aws.ErrCredentials, "check the secret key, which does not belong to the access key, and this machine's clock"},
		{"S3", "GetObject", 403, "RequestTimeTooSkewed", "", aws.ErrCredentials, "set this machine's clock"},
		{"EC2", "RunInstances", 401, "OptInRequired", "", aws.ErrDenied, "finish the sign-up of the account"},
		{"EC2", "DescribeRegions", 503, "RequestLimitExceeded", "", nil, "wait a minute and run the same command again"},
		{"S3", "PutObject", 503, "SlowDown", "", nil, "wait a minute and run the same command again"},
		{"S3", "PutObject", 409, "OperationAborted", "", nil, "someone else is writing it"},

		{"EC2", "DescribeImages", 403, "UnauthorizedOperation", "", aws.ErrDenied, "allow ec2:DescribeImages to the user or role"},
		{"S3", "ListObjectVersions", 403, "AccessDenied", "Access Denied", aws.ErrDenied, "allow s3:ListBucketVersions to the user or role"},
		{"CloudFormation", "ExecuteChangeSet", 403, "AccessDenied", denied, aws.ErrDenied, "allow rds:CreateDBInstance to the user or role"},
		{"EC2", "DescribeImages", 403, "UnauthorizedOperation", denied + " with an explicit deny in a service control policy", aws.ErrDenied, "ask who administers the account"},
		{"KMS", "Sign", 400, "AccessDeniedException", "", aws.ErrDenied, "allow kms:Sign to the user or role; the policy of a key of another account must allow it as well"},
		{"Lambda", "Invoke", 403, "AccessDenied", "", aws.ErrDenied, "the credentials lack a permission"},

		// One code, three meanings.
		{"CloudFormation", "CreateChangeSet", 400, "LimitExceededException", "", aws.ErrQuota, "remove stacks"},
		{"IAM", "CreateAccessKey", 409, "LimitExceeded", "", nil, ""},
		{"CloudFormation", "CreateChangeSet", 400, "LimitExceeded", "", aws.ErrQuota, "remove stacks"},
		{"KMS", "Sign", 400, "NotFoundException", "", aws.ErrNotFound, "check its name, and that it is in " + inRegion},

		{"SSM", "GetParameter", 400, "ParameterNotFound", "", aws.ErrNotFound, ""},
		{"IAM", "ListAccessKeys", 404, "NoSuchEntity", "", aws.ErrNotFound, ""},
		{"EC2", "DescribeSubnets", 400, "InvalidSubnetID.NotFound", "", aws.ErrNotFound, ""},
		{"EC2", "DescribeSubnets", 403, "UnknownError", "", nil, "is there a proxy between?"},
		{"EC2", "DescribeSubnets", 503, "UnknownError", "", nil, ""},
	} {
		err := aws.Caller{Region: inRegion}.Explain(t.Context(), refusal(c.service, c.call, c.status, c.code, c.message, nil))
		var e *aws.Error
		if !errors.As(err, &e) || e.Service != c.service || e.Status != c.status || e.ID != "4442587FB7D0A2F9" || (e.Code == "") != (c.code == "UnknownError") {
			t.Fatalf("%s %s: %#v", c.service, c.code, err)
		}
		if !errors.Is(e.Kind, c.kind) || (c.hint == "") != (e.Hint == "") || !strings.Contains(err.Error(), c.hint) {
			t.Errorf("%s %s: %q of kind %v, want %q and %v", c.service, c.code, err, e.Kind, c.hint, c.kind)
		}
	}
}

// Every hint goes on in the middle of a line, and says something.
func TestExplain_hintsAreOneLineEach(t *testing.T) {
	for _, code := range aws.Codes() {
		service, name, own := strings.Cut(code, " ")
		if !own {
			service, name = "EC2", code
		}
		err := aws.Caller{}.Explain(t.Context(), refusal(service, "DescribeImages", 400, name, "two\n lines", nil))
		var e *aws.Error
		if !errors.As(err, &e) || e.Hint == "" || strings.ContainsAny(err.Error(), "\n{}") || strings.HasSuffix(e.Hint, ".") || strings.ToLower(e.Hint[:1]) != e.Hint[:1] && !strings.HasPrefix(e.Hint, "Amazon") {
			t.Errorf("%s: %v", code, err)
		}
	}
}

func TestExplain_saysWhereABucketIs(t *testing.T) {
	err := aws.Caller{}.Explain(t.Context(), refusal("S3", "GetObject", 301, "PermanentRedirect", "", http.Header{"X-Amz-Bucket-Region": {"us-west-2"}}))
	if !strings.Contains(err.Error(), "the bucket is in region us-west-2") {
		t.Error(err)
	}
}

// What is not a refusal is told by what stood between.
func TestExplain_tellsRefusalsFromTheRest(t *testing.T) {
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("interrupted"))
	keys := &aws.CredentialError{Text: "no keys here", Err: errors.New("x")}
	unsent := &smithy.OperationError{ServiceID: "EC2", OperationName: "DescribeImages", Err: &smithyhttp.RequestSendError{
		Err: &url.Error{Op: "Post", URL: "https://ec2.eu-central-1.amazonaws.com/?x=y", Err: errors.New("connection refused")}}}
	plain := errors.New("our own")
	for text, c := range map[string]struct {
		ctx context.Context
		err error
		is  error
	}{
		"no keys here": {t.Context(), fmt.Errorf("sign: %w", keys), aws.ErrCredentials},
		"wait for an answer from ec2.eu-central-1.amazonaws.com: interrupted": {ended, unsent, nil},
		"reach ec2.eu-central-1.amazonaws.com: connection refused":            {t.Context(), unsent, nil},
		"our own":                      {t.Context(), plain, plain},
		"reach EC2: serialize: no":     {t.Context(), &smithy.OperationError{ServiceID: "EC2", Err: errors.New("serialize: no")}, nil},
		"reach EC2: the first of many": {t.Context(), &smithy.OperationError{ServiceID: "EC2", Err: errors.New("the first of many\nlines")}, nil},
	} {
		err := aws.Caller{}.Explain(c.ctx, c.err)
		if err == nil || err.Error() != text || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%q, want %q", err, text)
		}
	}
	if err := (aws.Caller{}).Explain(ended, nil); err != nil {
		t.Error(err)
	}
}

func TestMissing_findsTheActionInARefusal(t *testing.T) {
	for message, action := range map[string]string{
		"User: arn:aws:iam::1:user/x is not authorized to perform: iam:CreateRole on resource: y": "iam:CreateRole",
		"API: ec2:RunInstances You are not authorized to perform this operation.":                 "",
		"is not authorized to perform elasticloadbalancing:AddTags.":                              "elasticloadbalancing:AddTags",
		"not authorized to perform: S3:PutObject":                                                 "",
		"not authorized to perform:":                                                              "",
		"not authorized to perform: s3:":                                                          "",
		"something else: s3:PutObject":                                                            "",
	} {
		if got := aws.Missing(message); got != action {
			t.Errorf("%q: %q, want %q", message, got, action)
		}
	}
}

// What only AWS can decode is left out of an error, and so is what is too long.
func TestExplain_shortensWhatAWSSays(t *testing.T) {
	err := aws.Caller{}.Explain(t.Context(), refusal("EC2", "RunInstances", 403, "UnauthorizedOperation",
		"You are not authorized.  Encoded authorization failure message: "+strings.Repeat("aB3", 300)+" with an explicit deny", nil))
	if text := err.Error(); strings.Contains(text, "aB3") || !strings.Contains(text, "You are not authorized. with an explicit deny (a policy denies it") {
		t.Error(text)
	}
	long := aws.Caller{}.Explain(t.Context(), refusal("EC2", "RunInstances", 400, "X", strings.Repeat("ä", 2000), nil))
	if n := len(long.Error()); n > 700 || !strings.HasSuffix(long.Error(), "…") {
		t.Errorf("%d bytes", n)
	}
}

// Keys and tokens stay out of whatever prints them.
func TestCredentials_doNotPrintThemselves(t *testing.T) {
	const canary = "s3cret-canary-key"
	c := aws.Credentials{AccessKey: "AKIATEST", SecretKey: secret.New(canary), SessionToken: secret.New(canary), IdentityToken: secret.New(canary)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, c); strings.Contains(text, canary) {
			t.Errorf("%s shows %s", verb, text)
		}
	}
}
