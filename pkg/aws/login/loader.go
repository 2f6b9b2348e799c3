package login

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// loader makes the SDK's configuration of options and environment.
type loader struct {
	options Options
	profile string // of the credentials, "" if they come from elsewhere
}

// load finds region, endpoints and credentials, which are fetched when they are
// first used.
func (l *loader) load(ctx context.Context) (sdk.Config, error) {
	client, err := l.client()
	if err != nil {
		return sdk.Config{}, err
	}
	given, err := l.given()
	if err != nil {
		return sdk.Config{}, err
	}
	loaded, err := config.LoadDefaultConfig(ctx, l.settings(client, given != nil)...)
	if err != nil {
		return sdk.Config{}, l.explain(err)
	}
	if loaded.Region == "" {
		return sdk.Config{}, errors.New("no region: set aws.region, AWS_REGION, or the profile's region")
	}
	loaded.ConfigSources = append([]any{&endpoints{env: l.options.Env, rest: loaded.ConfigSources}}, loaded.ConfigSources...)
	if err := l.checkEndpoints(ctx, &loaded); err != nil {
		return sdk.Config{}, err
	}
	loaded.AppID, loaded.Logger = "perpetual", logging.Nop{} // or it writes to the process's stderr
	loaded.Retryer = func() sdk.Retryer { return newRetryer(l.options) }
	// Not every server that speaks these protocols knows checksums in trailers.
	loaded.RequestChecksumCalculation = sdk.RequestChecksumCalculationWhenRequired
	from := loaded.Credentials
	if given != nil {
		from = given(loaded)
	}
	loaded.Credentials = sdk.NewCredentialsCache(&namedProvider{from: from, profile: l.profile})
	return loaded, nil
}

// settings are what the SDK is told instead of finding it itself.
func (l *loader) settings(client *awshttp.BuildableClient, haveCredentials bool) []func(*config.LoadOptions) error {
	env, settings := l.options.Env, []func(*config.LoadOptions) error{config.WithHTTPClient(client), config.WithLogger(logging.Nop{})}
	if l.options.Region != "" {
		settings = append(settings, config.WithRegion(l.options.Region))
	}
	if file := env("AWS_CONFIG_FILE"); file != "" {
		settings = append(settings, config.WithSharedConfigFiles([]string{file}))
	}
	if file := env("AWS_SHARED_CREDENTIALS_FILE"); file != "" {
		settings = append(settings, config.WithSharedCredentialsFiles([]string{file}))
	}
	profile := l.options.Profile
	if profile == "" {
		profile = env("AWS_PROFILE")
	}
	if profile != "" {
		settings = append(settings, config.WithSharedConfigProfile(profile))
	}
	if haveCredentials { // or a profile that is half made would fail for nothing
		settings = append(settings, config.WithCredentialsProvider(sdk.AnonymousCredentials{}))
	} else {
		l.profile = profile
	}
	return settings
}

// client is for the SDK's own calls for credentials: STS, SSO, a container's agent.
func (l *loader) client() (*awshttp.BuildableClient, error) {
	client := awshttp.NewBuildableClient().WithTimeout(l.options.Timeout)
	if l.options.CACert == "" {
		return client, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(l.options.CACert)) {
		return nil, retry.ErrCACert
	}
	return client.WithTransportOptions(func(t *http.Transport) {
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}), nil
}

// given is the source of the credentials that options or environment hold as
// such; nil leaves it to the SDK to find others.
func (l *loader) given() (func(sdk.Config) sdk.CredentialsProvider, error) {
	c, env := l.options.Credentials, l.options.Env
	if c == (aws.Credentials{}) && l.options.Profile == "" {
		c = aws.Credentials{
			AccessKey: env("AWS_ACCESS_KEY_ID"), SecretKey: secret.New(env("AWS_SECRET_ACCESS_KEY")), SessionToken: secret.New(env("AWS_SESSION_TOKEN")),
		}
	}
	switch {
	case c.AccessKey != "" && !c.SecretKey.Empty():
		return func(sdk.Config) sdk.CredentialsProvider {
			return credentials.NewStaticCredentialsProvider(c.AccessKey, c.SecretKey.Reveal(), c.SessionToken.Reveal())
		}, nil
	case c.AccessKey != "" || !c.SecretKey.Empty():
		return nil, errors.New("an access key and its secret key go together: one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is missing")
	case c.Role != "" && !c.IdentityToken.Empty():
		return webIdentity(c.Role, "perpetual", 0, identityToken(c.IdentityToken)), nil
	case c.Role != "" || !c.IdentityToken.Empty():
		return nil, errors.New("a role and an identity token go together: one is missing")
	}
	file, role := env("AWS_WEB_IDENTITY_TOKEN_FILE"), env("AWS_ROLE_ARN")
	switch {
	case l.options.Profile != "" || file == "":
		return nil, nil
	case role == "":
		return nil, errors.New("AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not")
	}
	session := env("AWS_ROLE_SESSION_NAME")
	if session == "" {
		session = "perpetual"
	}
	life, err := sessionLife(env("AWS_ROLE_DURATION_SECONDS"))
	if err != nil {
		return nil, err
	}
	return webIdentity(role, session, life, stscreds.IdentityTokenFile(file)), nil
}

// sessionLife is how long keys of a role are wanted for, which the SDK reads from
// profiles only. STS takes 15 minutes to 12 hours (reference of AssumeRoleWithWebIdentity).
func sessionLife(seconds string) (time.Duration, error) {
	if seconds == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(seconds)
	if err != nil || n < 900 || n > 43200 {
		return 0, fmt.Errorf("AWS_ROLE_DURATION_SECONDS is %q; want 900 to 43200", seconds)
	}
	return time.Duration(n) * time.Second, nil
}

// webIdentity exchanges a token for the keys of a role; a life of 0 is STS's own, an hour.
func webIdentity(role, session string, life time.Duration, token stscreds.IdentityTokenRetriever) func(sdk.Config) sdk.CredentialsProvider {
	return func(c sdk.Config) sdk.CredentialsProvider {
		return stscreds.NewWebIdentityRoleProvider(sts.NewFromConfig(c), role, token,
			func(o *stscreds.WebIdentityRoleOptions) { o.RoleSessionName, o.Duration = session, life })
	}
}

// identityToken is a token that is known.
type identityToken secret.Value

// GetIdentityToken implements stscreds.IdentityTokenRetriever.
func (t identityToken) GetIdentityToken() ([]byte, error) {
	return []byte(secret.Value(t).Reveal()), nil
}

// Format keeps the token out of any text, as secret.Value does.
func (t identityToken) Format(f fmt.State, verb rune) { secret.Value(t).Format(f, verb) }

// explain says what is wrong with a profile.
func (l *loader) explain(err error) error {
	var absent config.SharedConfigProfileNotExistError
	var mfa config.AssumeRoleTokenProviderNotSetError
	switch {
	case errors.As(err, &absent):
		return credentialError(fmt.Sprintf("there is no profile %q in ~/.aws/config or ~/.aws/credentials", absent.Profile),
			"check AWS_PROFILE, and that these files are mounted if this runs in a container", err)
	case errors.As(err, &mfa):
		return credentialError(fmt.Sprintf("the role of profile %q wants an MFA code, which is not read here", l.profile),
			fmt.Sprintf("run `eval $(aws configure export-credentials --profile %s --format env)` first, which asks for it, and unset AWS_PROFILE", l.profile), err)
	}
	return fmt.Errorf("read the shared configuration files: %s", retry.FirstLine(err.Error()))
}
