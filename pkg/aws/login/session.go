// Package login opens a session with AWS: it finds region, credentials and endpoints where
// the AWS CLI does, says what is wrong with them, and repeats what failed on the way. The
// other packages under pkg/aws use a session. Only the installer links it.
package login

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// DefaultPolicy is how often a call is repeated: AWS throttles accounts that
// are busy, so seven tries, at most 20 s apart.
var DefaultPolicy = retry.Policy{Attempts: 7, First: 500 * time.Millisecond, Max: 20 * time.Second}

// ErrRegion says that a region does not exist, or is not enabled in the account.
var ErrRegion = errors.New("no such region in this account")

// Options say which account is meant, by its credentials, and how it is reached.
// The zero value of a field is its default.
type Options struct {
	Region string // "eu-central-1"; default: AWS_REGION, AWS_DEFAULT_REGION, the profile's
	// Profile is one of the shared configuration files, "acme-prod", and wins
	// over keys in the environment. Default: those keys, then AWS_PROFILE, then
	// "default", as the AWS CLI has it.
	Profile     string
	Credentials aws.Credentials // default: the chain that Open describes
	CACert      string          // PEM certificates to trust instead of the system's; default: those in the file AWS_CA_BUNDLE
	CheckIP     string          // answers with the caller's address; default: AWS_ENDPOINT_URL_CHECKIP, https://checkip.amazonaws.com

	Policy  retry.Policy        // default: DefaultPolicy
	Timeout time.Duration       // of one call, with all its tries; default 5 min
	Notify  func(string)        // gets every wait before another try, one line each
	Debug   *slog.Logger        // gets every exchange; nil: none is logged
	Env     func(string) string // default os.Getenv
}

// Session is one AWS account in one region, as seen with some credentials.
type Session struct {
	options    Options
	connection aws.Connection

	sts *sts.Client
	ec2 *ec2.Client
}

// Open makes a Session. It sends nothing but what resolving credentials needs.
// Without Credentials it looks where the AWS CLI does, in its order: the given
// profile; keys in the environment; a web identity token file; the shared
// configuration files (keys, SSO, roles, credential processes); a container's
// agent; the instance profile. Endpoints come from AWS_ENDPOINT_URL,
// AWS_ENDPOINT_URL_S3 and the like, and from the profile: https, or loopback.
// It fails with aws.ErrCredentials, or says what is wrong with the configuration.
func Open(ctx context.Context, o Options) (*Session, error) {
	s, err := open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("open the AWS account: %w", err)
	}
	return s, nil
}

// open is Open without the last layer of its errors.
func open(ctx context.Context, o Options) (*Session, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	l := loader{options: o}
	config, err := l.load(ctx)
	if err != nil {
		return nil, err
	}
	client, err := newClient(o)
	if err != nil {
		return nil, err
	}
	config.HTTPClient = client
	return &Session{
		options:    o,
		connection: aws.NewConnection(config).WithCACert(o.CACert),
		sts:        sts.NewFromConfig(config), ec2: ec2.NewFromConfig(config),
	}, nil
}

// complete checks the options and fills in the defaults.
func (o *Options) complete() error {
	if o.Env == nil {
		o.Env = os.Getenv
	}
	if o.Policy.Attempts == 0 {
		o.Policy = DefaultPolicy
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Minute
	}
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
	if o.CheckIP == "" {
		o.CheckIP = o.Env("AWS_ENDPOINT_URL_CHECKIP")
	}
	if o.CheckIP == "" {
		o.CheckIP = "https://checkip.amazonaws.com"
	}
	return checkEndpoint("AWS_ENDPOINT_URL_CHECKIP", o.CheckIP)
}

// Connection is for the other packages under pkg/aws, and for the bucket of the
// state (aws.Options).
func (s *Session) Connection() aws.Connection { return s.connection }

// Region is the region in use, "eu-central-1".
func (s *Session) Region() string { return s.connection.Region() }

// Env is a variable of the environment, "" for one that is not set.
func (s *Session) Env(name string) string { return s.options.Env(name) }

// Bound gives one call its time.
func (s *Session) Bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, s.options.Timeout,
		fmt.Errorf("AWS did not answer well within %s: %w", s.options.Timeout, context.DeadlineExceeded))
}
