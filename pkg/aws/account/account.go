// Package account looks into an AWS account and prepares it for an
// installation: identity, zones and instance types, hosted zones, parameters,
// the state bucket, and what is left when all is destroyed. Only the installer
// links it.
package account

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// DefaultPolicy is how often a call is repeated: AWS throttles accounts that
// are busy, so seven tries, at most 20 s apart.
var DefaultPolicy = retry.Policy{Attempts: 7, First: 500 * time.Millisecond, Max: 20 * time.Second}

var (
	// ErrRegion says that a region does not exist, or is not enabled in the account.
	ErrRegion = errors.New("no such region in this account")
	// ErrForeignBucket says that a bucket of the wanted name belongs to another
	// account, or to something else in this one.
	ErrForeignBucket = errors.New("the bucket is not ours")
)

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
	Timeout time.Duration       // of one call of this package, with all its tries; default 5 min
	Notify  func(string)        // gets every wait before another try, one line each
	Debug   *slog.Logger        // gets every exchange; nil: none is logged
	Env     func(string) string // default os.Getenv
}

// Account is one AWS account in one region, as seen with some credentials.
type Account struct {
	options    Options
	connection aws.Connection

	sts     *sts.Client
	ec2     *ec2.Client
	ssm     *ssm.Client
	route53 *route53.Client
	tagging *tagging.Client
	s3      *s3.Client
	quotas  *servicequotas.Client
	kms     *kms.Client
}

// Open makes an Account. It sends nothing but what resolving credentials needs.
// Without Credentials it looks where the AWS CLI does, in its order: the given
// profile; keys in the environment; a web identity token file; the shared
// configuration files (keys, SSO, roles, credential processes); a container's
// agent; the instance profile. Endpoints come from AWS_ENDPOINT_URL,
// AWS_ENDPOINT_URL_S3 and the like, and from the profile: https, or loopback.
// It fails with aws.ErrCredentials, or says what is wrong with the configuration.
func Open(ctx context.Context, o Options) (*Account, error) {
	a, err := open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("open the AWS account: %w", err)
	}
	return a, nil
}

// open is Open without the last layer of its errors.
func open(ctx context.Context, o Options) (*Account, error) {
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
	a := &Account{
		options:    o,
		connection: aws.NewConnection(config).WithCACert(o.CACert),
		sts:        sts.NewFromConfig(config), ec2: ec2.NewFromConfig(config), ssm: ssm.NewFromConfig(config),
		route53: route53.NewFromConfig(config), tagging: tagging.NewFromConfig(config), quotas: servicequotas.NewFromConfig(config),
		kms: kms.NewFromConfig(config),
		s3: s3.NewFromConfig(config, func(s *s3.Options) {
			s.UsePathStyle = s.BaseEndpoint != nil
			s.ResponseChecksumValidation = sdk.ResponseChecksumValidationWhenRequired
		}),
	}
	return a, nil
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
	if file := o.Env("AWS_CA_BUNDLE"); o.CACert == "" && file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read AWS_CA_BUNDLE: %w", err)
		}
		o.CACert = string(text)
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
func (a *Account) Connection() aws.Connection { return a.connection }

// Region is the region in use, "eu-central-1".
func (a *Account) Region() string { return a.connection.Region() }

// bound gives one call of this package its time.
func (a *Account) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, a.options.Timeout,
		fmt.Errorf("AWS did not answer well within %s: %w", a.options.Timeout, context.DeadlineExceeded))
}
