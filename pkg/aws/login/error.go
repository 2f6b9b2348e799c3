package login

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"

	"github.com/perpetual-ci/perpetual/pkg/aws"
)

// Wrap says what was being done.
func (s *Session) Wrap(ctx context.Context, action string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", action, s.Explain(ctx, err))
}

// Explain makes an error of the SDK ours.
func (s *Session) Explain(ctx context.Context, err error) error {
	return aws.Caller{Region: s.Region(), CACert: s.options.CACert != ""}.Explain(ctx, err)
}

// unknownHost says whether a name has no address.
func unknownHost(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}

// credentialError says why there are no credentials to sign with, and what to do.
func credentialError(text, todo string, err error) error {
	return &aws.CredentialError{Text: text + ": " + todo, Err: err}
}

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
		return found, credentialError("the credentials have expired", aws.Renew+"; then run the same command again", err)
	case strings.Contains(text, "EC2 IMDS"), strings.Contains(text, "ec2imds"):
		return found, credentialError("no AWS credentials found",
			"set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; in a container, mount ~/.aws or pass these with -e", err)
	}
	return found, credentialError("get AWS credentials: "+aws.Short(err), "check the profile or the environment", err)
}
