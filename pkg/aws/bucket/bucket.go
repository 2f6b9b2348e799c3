// Package bucket keeps a state in a bucket of S3, or of a server that speaks its
// protocol: a Bucket is a state.Store.
package bucket

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// Options say which bucket, and as whom. The zero value of a field is its default.
type Options struct {
	Bucket    string // "acme-ci-state"
	Prefix    string // of every key, "ci/"; empty: none
	Region    string // "eu-central-1"; default: AWS_REGION, AWS_DEFAULT_REGION
	Endpoint  string // of a server that is not Amazon's, "https://s3.example.com:9000"
	PathStyle bool   // the bucket in the path instead of the host name, which such servers often want
	CACert    string // PEM certificates to trust instead of the system's; default: those in the file AWS_CA_BUNDLE
	KMSKey    string // key to encrypt with, id or ARN; default: S3's own (AES256)

	Credentials aws.Credentials // default: the connection's, else the environment's
	// Connection, which pkg/aws/login makes, gives what is not set here: region,
	// endpoint, CA, and credentials of profiles and SSO too. Default: none.
	Connection aws.Connection

	Policy  retry.Policy        // how often a call is repeated; default: retry.Default
	Timeout time.Duration       // of one call with all its tries; default 1 min
	Notify  func(string)        // gets every wait before another try, one line each
	Debug   *slog.Logger        // gets every exchange; nil: none is logged
	Env     func(string) string // default os.Getenv
}

// Bucket keeps the documents of a state in one S3 bucket. A document's revision
// is its object's ETag.
type Bucket struct {
	options Options
	caller  aws.Caller // for errors
	api     *s3.Client
	client  *http.Client // of api
}

// New makes a Bucket; it sends nothing. It fails with retry.ErrCACert, or says
// which option is wrong.
func New(o Options) (*Bucket, error) {
	if err := o.complete(); err != nil {
		return nil, fmt.Errorf("configure the state bucket: %w", err)
	}
	b := &Bucket{options: o, caller: aws.Caller{Host: "s3." + o.Region + ".amazonaws.com", Region: o.Region, CACert: o.CACert != ""}}
	settings := s3.Options{
		Region: o.Region, UsePathStyle: o.PathStyle, AppID: "perpetual", Retryer: clockRetryer{},
		// A request's body is signed, so it needs no checksum besides, which
		// not every server understands.
		RequestChecksumCalculation: sdk.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: sdk.ResponseChecksumValidationWhenRequired,
	}
	if o.Endpoint != "" {
		host, err := aws.EndpointHost(o.Endpoint)
		if err != nil {
			return nil, fmt.Errorf("configure the state bucket: %w", err)
		}
		settings.BaseEndpoint, b.caller.Host = &o.Endpoint, host
	}
	client, err := httpClient(o)
	if err != nil {
		return nil, fmt.Errorf("configure the state bucket: %w", err)
	}
	settings.HTTPClient, settings.Credentials, err = client, o.Connection.SDK().Credentials, nil
	if settings.Credentials == nil || o.Credentials != (aws.Credentials{}) {
		settings.Credentials, err = o.Credentials.Provider(o.Region, o.Env)
	}
	if err != nil {
		return nil, fmt.Errorf("configure the state bucket: %w", err)
	}
	b.api, b.client = s3.New(settings), client
	return b, nil
}

// complete checks the options and fills in the defaults.
func (o *Options) complete() error {
	if o.Env == nil {
		o.Env = os.Getenv
	}
	o.connect()
	if o.CACert == "" {
		var err error
		if o.CACert, err = aws.CABundle(o.Env); err != nil {
			return err
		}
	}
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		if o.Region == "" {
			o.Region = o.Env(name)
		}
	}
	if o.Region == "" && o.Endpoint != "" {
		o.Region = "us-east-1" // what other servers take for granted
	}
	if o.Policy.Attempts == 0 {
		o.Policy = retry.Default
	}
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	switch {
	case !validBucket(o.Bucket):
		return fmt.Errorf("bucket %q is not a valid S3 bucket name", o.Bucket)
	case o.Region == "":
		return errors.New("no region: set it, or AWS_REGION")
	case o.Prefix != "" && !validKey(strings.TrimSuffix(o.Prefix, "/")):
		return fmt.Errorf("prefix %q: it must be a path without a leading slash", o.Prefix)
	}
	if o.Prefix != "" {
		o.Prefix = strings.TrimSuffix(o.Prefix, "/") + "/"
	}
	return nil
}

// connect takes from the connection what is not set. A server that is not
// Amazon's wants the bucket in the path.
func (o *Options) connect() {
	if o.Region == "" {
		o.Region = o.Connection.Region()
	}
	if o.CACert == "" {
		o.CACert = o.Connection.CACert()
	}
	if o.Connection == (aws.Connection{}) || o.Endpoint != "" {
		return
	}
	// Environment and profile may set one.
	if endpoint := sdk.ToString(s3.NewFromConfig(o.Connection.SDK()).Options().BaseEndpoint); endpoint != "" {
		o.Endpoint, o.PathStyle = endpoint, true
	}
}

// httpClient repeats GETs; what else is repeated, and when, Bucket decides.
func httpClient(o Options) (*http.Client, error) {
	settings := retry.Options{CACert: o.CACert, Policy: o.Policy, MaxBody: state.MaxDocument, Debug: o.Debug}
	if o.Notify != nil {
		settings.Notify = func(err error, wait time.Duration) {
			o.Notify(fmt.Sprintf("%s; asking again in %s", retry.FirstLine(err.Error()), wait.Round(10*time.Millisecond)))
		}
	}
	client, err := retry.NewClient(settings)
	if err != nil {
		return nil, err
	}
	// A signature holds for one host: a redirection could only be refused there.
	client.CheckRedirect = retry.NoRedirect
	return client, nil
}

// validKey says whether S3 and everything between take a key as it is.
func validKey(key string) bool {
	return key != "" && key != "." && path.Clean(key) == key && key[0] != '/' && key != ".." && !strings.HasPrefix(key, "../")
}

// validBucket says whether S3 allows a bucket of that name.
func validBucket(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	return len(name) >= 3 && len(name) <= 63 && !strings.ContainsFunc(name, func(r rune) bool { return !strings.ContainsRune(letters+".-", r) }) &&
		strings.ContainsRune(letters, rune(name[0])) && strings.ContainsRune(letters, rune(name[len(name)-1]))
}

// clockRetryer lets the SDK sign again when this machine's clock is wrong, with
// the time that the server's answer gave. Such a request had no effect.
type clockRetryer struct{ sdk.NopRetryer }

// IsErrorRetryable implements sdk.Retryer.
func (clockRetryer) IsErrorRetryable(err error) bool {
	var refused smithy.APIError
	return errors.As(err, &refused) && refused.ErrorCode() == "RequestTimeTooSkewed"
}

// MaxAttempts implements sdk.Retryer.
func (clockRetryer) MaxAttempts() int { return 2 }

// RetryDelay implements sdk.Retryer.
func (clockRetryer) RetryDelay(int, error) (time.Duration, error) { return 0, nil }

// GetRetryToken implements sdk.Retryer.
func (clockRetryer) GetRetryToken(context.Context, error) (func(error) error, error) {
	return func(error) error { return nil }, nil
}
