// Package cloudformation calls AWS CloudFormation for one stack. A method is one call with
// all pages of its answer: what the service says is given as data, and a refusal with what
// helps. What to do about a stack is for package stack to decide.
//
// The calls are those of the CloudFormation API reference.
package cloudformation

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	sdkretry "github.com/aws/aws-sdk-go-v2/aws/retry"
	service "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/smithy-go"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// Options say which stack, and as whom.
type Options struct {
	Stack      string // name, "perpetual-ci"
	Connection aws.Connection
	Attempts   int           // how often a call is sent that gets no answer, or is asked to come later; 6
	MaxBackoff time.Duration // between two of these; 20 s
}

// Client calls CloudFormation for one stack.
type Client struct {
	stack  string
	caller aws.Caller
	api    *service.Client
}

// New makes a Client; it sends nothing.
func New(o Options) *Client {
	region := o.Connection.Region()
	return &Client{
		stack:  o.Stack,
		caller: aws.Caller{Host: "CloudFormation in " + region, Region: region, CACert: o.Connection.CACert() != ""},
		api:    service.NewFromConfig(o.Connection.SDK(), func(c *service.Options) { c.Retryer = newRetryer(o) }),
	}
}

// newRetryer repeats calls that got no whole answer, and those that are asked to
// come later. Each call here may be repeated: what changes something carries a
// token by which CloudFormation knows it again, or changes nothing the second time.
func newRetryer(o Options) sdk.Retryer {
	return sdkretry.NewStandard(func(r *sdkretry.StandardOptions) {
		r.MaxAttempts, r.RateLimiter = o.Attempts, ratelimit.None // the number of tries is the limit
		r.MaxBackoff = o.MaxBackoff
		r.Retryables = append([]sdkretry.IsErrorRetryable{sdkretry.IsErrorRetryableFunc(cut)}, r.Retryables...)
	})
}

// cut says that an answer that broke off, or was none of CloudFormation's, is asked
// for again. The SDK's own rules, which it goes before, know only some such.
func cut(err error) sdk.Ternary {
	var unreadable *smithy.DeserializationError
	if errors.As(err, &unreadable) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return sdk.TrueTernary
	}
	return sdk.UnknownTernary
}

// explain makes an error of the SDK ours; nil stays nil.
func (c *Client) explain(ctx context.Context, action string, err error) error {
	if err == nil {
		return nil
	}
	err = c.caller.Explain(ctx, err)
	var e *aws.Error
	if errors.As(err, &e) && e.Kind != aws.ErrCredentials { //nolint:errorlint // a kind is one of the constants
		if hint, kind := Diagnose(e.Message); hint != "" {
			e.Hint, e.Kind = hint, kind
		} else if e.Kind == aws.ErrDenied && strings.HasPrefix(e.Hint, "allow ") { //nolint:errorlint // a kind is one of the constants
			e.Hint += "; " + permissions
		}
	}
	return fmt.Errorf("%s: %w", action, err)
}

// missing says whether CloudFormation refused because there is no such stack. It
// has no code of its own for that.
func missing(err error) bool {
	var refused smithy.APIError
	return errors.As(err, &refused) && refused.ErrorCode() == "ValidationError" && strings.Contains(refused.ErrorMessage(), "does not exist")
}

// oneLine makes CloudFormation's words fit for an error, or for a line of progress.
func oneLine(text *string) string { return retry.FirstLine(sdk.ToString(text)) }
