package aws

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// Credentials say as whom. The zero value takes what the environment has, in
// the order of the SDK's own chain: AWS_ACCESS_KEY_ID, AWS_WEB_IDENTITY_TOKEN_FILE,
// AWS_CONTAINER_CREDENTIALS_*, the instance profile. Shared configuration files
// and profiles are not read.
type Credentials struct {
	AccessKey    string // "AKIA…"
	SecretKey    secret.Value
	SessionToken secret.Value // of temporary keys

	Role          string       // ARN of the role that IdentityToken is exchanged for
	IdentityToken secret.Value // an OpenID Connect token, such as Concourse's idtoken var source gives
}

// provider is the source of credentials, made without asking it.
func (c Credentials) provider(region string, env func(string) string) (sdk.CredentialsProvider, error) {
	switch {
	case c.AccessKey != "" || !c.SecretKey.Empty():
		if c.AccessKey == "" || c.SecretKey.Empty() {
			return nil, errors.New("an access key and its secret key go together: one is missing")
		}
		return static(c.AccessKey, c.SecretKey.Reveal(), c.SessionToken.Reveal()), nil
	case c.Role != "" || !c.IdentityToken.Empty():
		if c.Role == "" || c.IdentityToken.Empty() {
			return nil, errors.New("a role and an identity token go together: one is missing")
		}
		return webIdentity(region, c.Role, "perpetual", token(c.IdentityToken), env)
	}
	return chain(region, env)
}

// Provider is the source of these credentials, asked again only when what it gave
// ends. It is for the packages under pkg/aws only.
func (c Credentials) Provider(region string, env func(string) string) (sdk.CredentialsProvider, error) {
	from, err := c.provider(region, env)
	if err != nil {
		return nil, err
	}
	return sdk.NewCredentialsCache(from), nil
}

// chain finds the environment's source of credentials.
func chain(region string, env func(string) string) (sdk.CredentialsProvider, error) {
	switch {
	case env("AWS_ACCESS_KEY_ID") != "" && env("AWS_SECRET_ACCESS_KEY") != "":
		return static(env("AWS_ACCESS_KEY_ID"), env("AWS_SECRET_ACCESS_KEY"), env("AWS_SESSION_TOKEN")), nil
	case env("AWS_WEB_IDENTITY_TOKEN_FILE") != "":
		role, name := env("AWS_ROLE_ARN"), env("AWS_ROLE_SESSION_NAME")
		if role == "" {
			return nil, errors.New("AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not")
		}
		if name == "" {
			name = "perpetual"
		}
		return webIdentity(region, role, name, stscreds.IdentityTokenFile(env("AWS_WEB_IDENTITY_TOKEN_FILE")), env)
	case env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") != "":
		return container("http://169.254.170.2"+env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"), env), nil
	case env("AWS_CONTAINER_CREDENTIALS_FULL_URI") != "":
		endpoint := env("AWS_CONTAINER_CREDENTIALS_FULL_URI")
		if err := checkContainer(endpoint); err != nil {
			return nil, err
		}
		return container(endpoint, env), nil
	}
	return instance(env), nil
}

// static gives keys that are known.
func static(key, secretKey, session string) sdk.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(key, secretKey, session)
}

// token is an identity token that is known.
type token secret.Value

// GetIdentityToken implements stscreds.IdentityTokenRetriever.
func (t token) GetIdentityToken() ([]byte, error) { return []byte(secret.Value(t).Reveal()), nil }

// Format keeps the token out of any text, as secret.Value does.
func (t token) Format(f fmt.State, verb rune) { secret.Value(t).Format(f, verb) }

// maxKeys bounds an answer with keys, which has some 2 kB.
const maxKeys = 1 << 20

// limited ends an answer that is larger than any with keys.
type limited struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := l.next.RoundTrip(r)
	if err == nil {
		answer.Body = http.MaxBytesReader(nil, answer.Body, maxKeys)
	}
	return answer, err
}

// webIdentity exchanges a token for the keys of a role. That request is not signed.
func webIdentity(region, role, session string, from stscreds.IdentityTokenRetriever, env func(string) string) (sdk.CredentialsProvider, error) {
	bundle, err := CABundle(env)
	if err != nil {
		return nil, err
	}
	client, err := retry.NewClient(retry.Options{CACert: bundle, Policy: retry.Never, Wrap: func(t *http.Transport) (http.RoundTripper, error) { // the SDK asks again
		return limited{t}, nil
	}})
	if err != nil {
		return nil, err
	}
	client.CheckRedirect = retry.NoRedirect
	settings := sts.Options{Region: region, HTTPClient: client}
	if endpoint := env("AWS_ENDPOINT_URL_STS"); endpoint != "" {
		if _, err := EndpointHost(endpoint); err != nil {
			return nil, fmt.Errorf("AWS_ENDPOINT_URL_STS: %w", err)
		}
		settings.BaseEndpoint = &endpoint
	}
	return &namedProvider{"exchange the identity token for the role's keys", stscreds.NewWebIdentityRoleProvider(
		sts.New(settings), role, from, func(o *stscreds.WebIdentityRoleOptions) { o.RoleSessionName = session })}, nil
}

// container asks the agent of a container platform (ECS, EKS pod identity).
func container(endpoint string, env func(string) string) sdk.CredentialsProvider {
	return &namedProvider{"ask the container's agent for keys", endpointcreds.New(endpoint, func(o *endpointcreds.Options) {
		o.AuthorizationToken = env("AWS_CONTAINER_AUTHORIZATION_TOKEN")
		if file := env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); file != "" {
			o.AuthorizationTokenProvider = endpointcreds.TokenProviderFunc(func() (string, error) {
				text, err := os.ReadFile(file)
				return strings.TrimSpace(string(text)), err
			})
		}
	})}
}

// checkContainer allows http to the addresses only that never leave the machine.
func checkContainer(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return errors.New("AWS_CONTAINER_CREDENTIALS_FULL_URI is not a URL")
	}
	if u.Scheme == "https" {
		return nil
	}
	ip := net.ParseIP(u.Hostname())
	if dial.Local(u.Hostname()) || (ip != nil && (ip.IsLinkLocalUnicast() || ip.Equal(net.ParseIP("fd00:ec2::23")))) {
		return nil
	}
	return fmt.Errorf("AWS_CONTAINER_CREDENTIALS_FULL_URI: http to %s is refused, keys would travel in the open", u.Host)
}

// instance asks the metadata service of an EC2 instance.
func instance(env func(string) string) sdk.CredentialsProvider {
	settings := imds.Options{Endpoint: env("AWS_EC2_METADATA_SERVICE_ENDPOINT")}
	if strings.EqualFold(env("AWS_EC2_METADATA_DISABLED"), "true") {
		settings.ClientEnableState = imds.ClientDisabled
	}
	return &namedProvider{"ask the instance profile for keys, as no others were given", ec2rolecreds.New(func(o *ec2rolecreds.Options) {
		o.Client = imds.New(settings)
	})}
}

// namedProvider makes errors say where keys were looked for.
type namedProvider struct {
	action string
	from   sdk.CredentialsProvider
}

// Retrieve implements sdk.CredentialsProvider.
func (p *namedProvider) Retrieve(ctx context.Context) (sdk.Credentials, error) {
	found, err := p.from.Retrieve(ctx)
	if err != nil {
		// The SDK's text is one long line.
		return found, &CredentialError{Text: p.action + ": " + retry.FirstLine(err.Error()), Err: err}
	}
	return found, nil
}
