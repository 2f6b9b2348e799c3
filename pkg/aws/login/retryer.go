package login

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	sdkretry "github.com/aws/aws-sdk-go-v2/aws/retry"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/perpetual-ci/perpetual/pkg/aws"
)

// retryer repeats what the SDK's standard one does: lost connections, 5xx,
// throttling, a clock that is off. All that our packages write may be written
// twice. Its waits are ours, and told.
type retryer struct {
	*sdkretry.Standard
	options Options
}

// newRetryer makes one for one client.
func newRetryer(o Options) *retryer {
	return &retryer{options: o, Standard: sdkretry.NewStandard(func(s *sdkretry.StandardOptions) {
		s.MaxAttempts = int(min(o.Policy.Attempts, 100))
		s.Backoff = sdkretry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) {
			return min(o.Policy.First<<min(attempt, 16), max(o.Policy.Max, time.Millisecond)), nil
		})
		s.Retryables = append([]sdkretry.IsErrorRetryable{sdkretry.IsErrorRetryableFunc(again)}, s.Retryables...)
	})}
}

// again stops tries that would only repeat themselves: the two sides do not
// agree on TLS, a page stands between, or there are no credentials to sign with.
func again(err error) sdk.Ternary {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	if errors.As(err, &certificate) || errors.As(err, &record) || errors.Is(err, aws.ErrCredentials) || errors.Is(err, errPage) {
		return sdk.FalseTernary
	}
	// What the SDK does not know: EC2's word for a clock that is off, and S3's for
	// a bucket of which something else is being changed.
	if aws.Refused(err, "RequestExpired") && skewed(err) || aws.Refused(err, "OperationAborted") {
		return sdk.TrueTernary
	}
	return sdk.UnknownTernary
}

// skewed says whether the server's clock shows another time than this machine's.
// The SDK signs each further try by the server's.
func skewed(err error) bool {
	var answer *smithyhttp.ResponseError
	if !errors.As(err, &answer) || answer.HTTPResponse() == nil {
		return false
	}
	at, err := http.ParseTime(answer.HTTPResponse().Header.Get("Date"))
	return err == nil && time.Since(at).Abs() > 4*time.Minute
}

// RetryDelay implements sdk.Retryer.
func (r *retryer) RetryDelay(attempt int, err error) (time.Duration, error) {
	wait, failed := r.Standard.RetryDelay(attempt, err)
	if r.options.Notify != nil && failed == nil {
		r.options.Notify(fmt.Sprintf("%s; asking again in %s", aws.Short(err), wait.Round(10*time.Millisecond)))
	}
	return wait, failed
}
