package aws

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/perpetual-ci/perpetual/pkg/retry"
)

var (
	// ErrNotFound says that there is no such object.
	ErrNotFound = errors.New("no such object")
	// ErrConflict says that an object is no longer at the revision that a
	// conditional write named. Nothing was written.
	ErrConflict = errors.New("the object was changed by someone else")
	// ErrCredentials says that there are no credentials, or that they are not
	// valid (any more).
	ErrCredentials = errors.New("no valid AWS credentials")
)

// Error is a refusal by S3.
type Error struct {
	Status  int    // 403
	Code    string // "ExpiredToken"; empty if the answer was none of S3's
	Message string // in S3's words, one line
	ID      string // of the request, for Amazon's support
	hint    string
	kind    error
}

// Error implements error.
func (e *Error) Error() string {
	text := fmt.Sprintf("S3 answered %d", e.Status)
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

// Unwrap gives ErrNotFound, ErrConflict, ErrCredentials or nil.
func (e *Error) Unwrap() error { return e.kind }

// hints say what to do about the codes that users meet. The codes are those of
// the page "Error responses" of the S3 API reference.
var hints = map[string]string{
	"ExpiredToken":                 "renew the temporary keys",
	"ExpiredTokenException":        "renew the temporary keys",
	"TokenRefreshRequired":         "renew the temporary keys",
	"InvalidToken":                 "the session token does not belong to the keys",
	"InvalidAccessKeyId":           "the access key does not exist",
	"SignatureDoesNotMatch":        "the secret key does not belong to the access key",
	"AccessDenied":                 "the role needs s3:GetObject, s3:PutObject and s3:DeleteObject on the objects and s3:ListBucket on the bucket",
	"PermanentRedirect":            "the bucket is in another region",
	"AuthorizationHeaderMalformed": "the bucket may be in another region",
	"IllegalLocationConstraint":    "the bucket is in another region",
	"RequestTimeTooSkewed":         "the clock of this machine is wrong",
	"PreconditionFailed":           "someone else has written it",
	"ConditionalRequestConflict":   "someone else is writing it",
	"OperationAborted":             "someone else is writing it",
}

// credentialCodes are the refusals that other credentials would help against.
var credentialCodes = map[string]bool{
	"ExpiredToken": true, "ExpiredTokenException": true, "TokenRefreshRequired": true, "InvalidToken": true,
	"InvalidAccessKeyId": true, "SignatureDoesNotMatch": true,
}

// explain makes an error of the SDK ours.
func (b *Bucket) explain(ctx context.Context, err error) error {
	var keys *credentialError
	var unsent *smithyhttp.RequestSendError
	var answer *smithyhttp.ResponseError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &keys):
		return keys
	case ctx.Err() != nil:
		return fmt.Errorf("wait for an answer from %s: %w", b.host, context.Cause(ctx))
	case errors.As(err, &unsent):
		return retry.Explain(unsent.Err, b.host, b.options.CACert != "")
	case errors.As(err, &answer) && answer.HTTPStatusCode() >= 300:
		return refusal(answer, err)
	case errors.As(err, &answer):
		return fmt.Errorf("read the answer of %s: %s", b.host, retry.FirstLine(answer.Err.Error()))
	}
	return retry.Explain(err, b.host, b.options.CACert != "")
}

// refusal reads a refusal.
func refusal(answer *smithyhttp.ResponseError, err error) *Error {
	e := &Error{Status: answer.HTTPStatusCode()}
	var known smithy.APIError
	// Without a body that S3 wrote, the SDK makes a code up.
	if errors.As(err, &known) && known.ErrorCode() != "UnknownError" {
		e.Code, e.Message = known.ErrorCode(), retry.FirstLine(known.ErrorMessage())
	}
	if response := answer.HTTPResponse(); response != nil {
		e.ID = response.Header.Get("x-amz-request-id")
		if region := response.Header.Get("x-amz-bucket-region"); region != "" && (e.Status == http.StatusMovedPermanently || e.Status == http.StatusBadRequest) {
			e.hint = "the bucket is in region " + region
		}
	}
	if e.hint == "" {
		e.hint = hints[e.Code]
	}
	switch {
	case credentialCodes[e.Code]:
		e.kind = ErrCredentials
	case e.Status == http.StatusNotFound && e.Code != "NoSuchBucket":
		e.kind = ErrNotFound
	case e.Status == http.StatusPreconditionFailed, e.Status == http.StatusConflict:
		e.kind = ErrConflict // 409: ConditionalRequestConflict, OperationAborted
	}
	return e
}

// certain says whether err means that a write had no effect, and would have none
// if it were repeated: S3 said so, or the connection was never trusted.
func certain(ctx context.Context, err error) bool {
	var refused *Error
	if errors.As(err, &refused) {
		return refused.Status < 500 && refused.Status != http.StatusRequestTimeout && refused.Status != http.StatusTooManyRequests
	}
	return errors.Is(err, ErrCredentials) || retry.Permanent(ctx, err)
}
