package aws

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/perpetual-ci/perpetual/pkg/retry"
)

var (
	// ErrCredentials says that there are no credentials, or that they are not
	// valid (any more).
	ErrCredentials = errors.New("no valid AWS credentials")
	// ErrDenied says that the credentials are good, but may not do that.
	ErrDenied = errors.New("not allowed")
	// ErrNotFound says that what was asked for does not exist.
	ErrNotFound = errors.New("not found")
	// ErrQuota says that the account may not have more of something.
	ErrQuota = errors.New("a quota of the account is used up")
)

// Error is a refusal by one of AWS's services.
type Error struct {
	Service string // "EC2", as the SDK names it
	Status  int    // 403
	Code    string // "UnauthorizedOperation"; empty if the answer was none of AWS's
	Message string // in AWS's words, one line
	ID      string // of the request, for Amazon's support
	Hint    string // what helps, "set this machine's clock"; empty if nobody knows
	Kind    error  // ErrCredentials, ErrDenied, ErrNotFound, ErrQuota, one of the caller's, or nil
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
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

// Unwrap gives the kind.
func (e *Error) Unwrap() error { return e.Kind }

// CredentialError says why there are no credentials to sign with.
type CredentialError struct {
	Text string // where they were looked for, and what to do; one line
	Err  error  // the SDK's
}

// Error implements error.
func (e *CredentialError) Error() string { return e.Text }

// Unwrap implements errors.Unwrap, and makes it ErrCredentials.
func (e *CredentialError) Unwrap() []error { return []error{ErrCredentials, e.Err} }

// Caller is who calls a service, as far as errors have to say it.
type Caller struct {
	Host   string // that is called, where the error does not name it: "s3.eu-central-1.amazonaws.com"
	Region string // "eu-central-1"
	CACert bool   // certificates to trust were given
}

// Explain makes an error of the SDK ours: an *Error for a refusal, ErrCredentials where
// there is nothing to sign with, or what stood between here and the service.
func (c Caller) Explain(ctx context.Context, err error) error {
	var keys *CredentialError
	var unsent *smithyhttp.RequestSendError
	var answer *smithyhttp.ResponseError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &keys):
		return keys
	case ctx.Err() != nil:
		return fmt.Errorf("wait for an answer from %s: %w", c.host(err), context.Cause(ctx))
	case errors.As(err, &unsent):
		return retry.Explain(unsent.Err, c.host(err), c.CACert)
	case errors.As(err, &answer) && answer.HTTPStatusCode() >= 300:
		return c.refusal(answer, err)
	case errors.As(err, &answer):
		return fmt.Errorf("read the answer of %s: %s", c.host(err), retry.FirstLine(answer.Err.Error()))
	case operation(err) != nil:
		inner := operation(err).Err
		if strings.Contains(inner.Error(), "\n") {
			inner = errors.New(retry.FirstLine(inner.Error()))
		}
		return retry.Explain(inner, c.host(err), c.CACert)
	}
	return err // not of the SDK
}

// Short is an error of the SDK in few words, for a line about a wait.
func Short(err error) string {
	var unsent *smithyhttp.RequestSendError
	var answer *smithyhttp.ResponseError
	var c Caller
	switch {
	case errors.As(err, &unsent):
		err = retry.Explain(unsent.Err, c.host(err), false)
	case errors.As(err, &answer):
		err = c.refusal(answer, err)
	}
	return retry.FirstLine(err.Error())
}

// Refused says whether err is a refusal with one of the codes, before or after Explain.
func Refused(err error, codes ...string) bool {
	var known smithy.APIError
	var ours *Error
	code := ""
	switch {
	case errors.As(err, &known):
		code = known.ErrorCode()
	case errors.As(err, &ours):
		code = ours.Code
	}
	for _, wanted := range codes {
		if code == wanted {
			return true
		}
	}
	return false
}

// operation is the SDK's own account of which call failed; nil for another error.
func operation(err error) *smithy.OperationError {
	var o *smithy.OperationError
	errors.As(err, &o)
	return o
}

// host is the one that was not reached, as far as it is known.
func (c Caller) host(err error) string {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		if u, err := url.Parse(wrapped.URL); err == nil && u.Host != "" {
			return u.Host
		}
	}
	if c.Host != "" {
		return c.Host
	}
	if o := operation(err); o != nil {
		return o.Service()
	}
	return "AWS"
}

// refusal reads a refusal.
func (c Caller) refusal(answer *smithyhttp.ResponseError, err error) *Error {
	e := &Error{Service: "AWS", Status: answer.HTTPStatusCode()}
	call := ""
	if o := operation(err); o != nil {
		e.Service, call = o.Service(), o.Operation()
	}
	var known smithy.APIError
	// Without a body that AWS wrote, the SDK makes a code up.
	if errors.As(err, &known) && known.ErrorCode() != "UnknownError" {
		e.Code, e.Message = retry.FirstLine(known.ErrorCode()), oneLine(known.ErrorMessage())
	}
	var withID interface{ ServiceRequestID() string }
	if errors.As(err, &withID) {
		e.ID = withID.ServiceRequestID()
	}
	r := remedyFor(e.Service, e.Code)
	e.Kind, e.Hint = r.kind, strings.ReplaceAll(r.hint, "{region}", c.region())
	switch region := bucketRegion(answer); {
	case r.kind == ErrDenied && r.hint == "": //nolint:errorlint // a kind is one of the constants
		e.Hint = denial(e.Service, call, e.Message)
	case region != "" && region != c.Region:
		e.Hint = "the bucket is in region " + region
	case e.Code == "" && e.Status < 500 && e.Status != http.StatusNotFound:
		e.Hint = "the answer is not in AWS's words: is there a proxy between?"
	}
	if e.Kind == nil && (e.Status == http.StatusNotFound || strings.HasSuffix(strings.TrimSuffix(e.Code, "Exception"), "NotFound")) {
		e.Kind = ErrNotFound
	}
	return e
}

// region is the caller's, for people.
func (c Caller) region() string {
	if c.Region == "" {
		return "the region in use"
	}
	return c.Region
}

// bucketRegion is what S3 says when it is asked in the wrong region.
func bucketRegion(answer *smithyhttp.ResponseError) string {
	status, response := answer.HTTPStatusCode(), answer.HTTPResponse()
	if response == nil || status != http.StatusMovedPermanently && status != http.StatusBadRequest {
		return ""
	}
	return response.Header.Get("x-amz-bucket-region")
}

// oneLine makes foreign text fit for an error. AWS's denials are long, say at their end
// what is missing, and hold a part that only `aws sts decode-authorization-message` reads.
func oneLine(text string) string {
	const encoded = "Encoded authorization failure message:"
	if before, after, found := strings.Cut(text, encoded); found {
		_, after, _ = strings.Cut(strings.TrimSpace(after), " ")
		text = before + after
	}
	return retry.OneLine(text, 600)
}
