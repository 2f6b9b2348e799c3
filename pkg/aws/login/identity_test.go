package login_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/aws/login"
	"github.com/perpetual-ci/perpetual/pkg/aws/login/logintest"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

const deployer = "arn:aws:iam::123456789012:role/deployer"

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpen_findsCredentialsWhereTheCLIDoes(t *testing.T) {
	const config = "[profile prod]\nregion = us-west-2\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = secret-canary\n" +
		"[profile role]\nregion = eu-west-1\nrole_arn = " + deployer + "\nsource_profile = prod\nrole_session_name = ada\n"
	noKeys := map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_REGION": ""}
	for name, c := range map[string]struct {
		env    map[string]string
		change func(*login.Options)
		arn    string
		region string
	}{
		"keys in the environment": {nil, nil, "arn:aws:iam::123456789012:user/admin", "eu-central-1"},
		"temporary keys": {map[string]string{"AWS_ACCESS_KEY_ID": "ASIATEMPORARY", "AWS_SECRET_ACCESS_KEY": "secret-canary", "AWS_SESSION_TOKEN": "session-canary"},
			nil, "arn:aws:sts::123456789012:assumed-role/temporary/ada", "eu-central-1"},
		"keys of the environment before AWS_PROFILE": {map[string]string{"AWS_PROFILE": "prod"}, nil, "arn:aws:iam::123456789012:user/admin", "eu-central-1"},
		"the given profile before them":              {nil, func(o *login.Options) { o.Profile = "prod" }, "arn:aws:iam::123456789012:user/prod", "eu-central-1"},
		"AWS_PROFILE, with its region":               {with(noKeys, "AWS_PROFILE", "prod"), nil, "arn:aws:iam::123456789012:user/prod", "us-west-2"},
		"a role of a profile":                        {with(noKeys, "AWS_PROFILE", "role"), nil, "arn:aws:sts::123456789012:assumed-role/deployer/ada", "eu-west-1"},
		"given keys": {nil, func(o *login.Options) {
			o.Credentials = aws.Credentials{AccessKey: "AKIAPROFILE", SecretKey: secret.New("secret-canary")}
		}, "arn:aws:iam::123456789012:user/prod", "eu-central-1"},
		"a given identity token": {nil, func(o *login.Options) {
			o.Credentials = aws.Credentials{Role: deployer, IdentityToken: secret.New("token-canary")}
		}, "arn:aws:sts::123456789012:assumed-role/deployer/perpetual", "eu-central-1"},
		"an identity token file": {with(noKeys, "AWS_ROLE_ARN", deployer, "AWS_ROLE_SESSION_NAME", "pod", "AWS_WEB_IDENTITY_TOKEN_FILE", write(t, "token", "token-canary"), "AWS_DEFAULT_REGION", "eu-west-2"),
			nil, "arn:aws:sts::123456789012:assumed-role/deployer/pod", "eu-west-2"},
	} {
		t.Run(name, func(t *testing.T) {
			w := logintest.New(t, sandbox.Options{}).In(map[string]string{"AWS_CONFIG_FILE": write(t, "config", config)}).In(c.env)
			for _, name := range []string{"STS", "SSO"} { // the SDK's own clients read the process's environment
				t.Setenv("AWS_ENDPOINT_URL_"+name, w.Env["AWS_ENDPOINT_URL_STS"])
			}
			w.Cloud.SetKey("AKIAPROFILE", sandbox.Key{Secret: "secret-canary", ARN: "arn:aws:iam::123456789012:user/prod"})
			w.Cloud.SetKey("ASIATEMPORARY", sandbox.Key{Secret: "secret-canary", Session: "session-canary", ARN: "arn:aws:sts::123456789012:assumed-role/temporary/ada"})
			w.Cloud.TrustToken("token-canary", deployer)
			a := w.Open(t, func(o *login.Options) {
				if c.change != nil {
					c.change(o)
				}
			})
			if n := len(w.Cloud.Faults["sts"].Seen()); n != 0 {
				t.Errorf("opening sent %d requests", n)
			}
			who, err := a.Identity(t.Context())
			if err != nil || who != (login.Identity{Account: "123456789012", ARN: c.arn, Partition: "aws"}) || a.Region() != c.region {
				t.Errorf("%+v in %s, %v; want %s in %s", who, a.Region(), err, c.arn, c.region)
			}
			if keys, err := a.Keys(t.Context()); err != nil || keys.AccessKey == "" || keys.SecretKey.Empty() {
				t.Errorf("keys %v, %v", keys, err)
			}
		})
	}
}

// with is a copy with more.
func with(env map[string]string, pairs ...string) map[string]string {
	all := map[string]string{}
	for k, v := range env {
		all[k] = v
	}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = pairs[i+1]
	}
	return all
}

func TestOpen_refusesWhatCannotWork(t *testing.T) {
	const config = "[profile mfa]\nrole_arn = " + deployer + "\nsource_profile = base\nmfa_serial = arn:aws:iam::123456789012:mfa/ada\n[profile base]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = secret-canary\n" +
		"[profile open]\nregion = eu-west-1\nservices = open\n[services open]\nec2 =\n  endpoint_url = http://proxy.example.com\n"
	for name, c := range map[string]struct {
		env  map[string]string
		text string
		kind error
	}{
		"no region":          {map[string]string{"AWS_REGION": ""}, "no region: set aws.region", nil},
		"half a key":         {map[string]string{"AWS_SECRET_ACCESS_KEY": ""}, "one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is missing", nil},
		"no such profile":    {map[string]string{"AWS_PROFILE": "prdo"}, `no profile "prdo"`, aws.ErrCredentials},
		"a role with MFA":    {map[string]string{"AWS_PROFILE": "mfa", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "aws configure export-credentials --profile mfa", aws.ErrCredentials},
		"a token, no role":   {map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": "/token", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "AWS_ROLE_ARN is not", nil},
		"an open endpoint":   {map[string]string{"AWS_ENDPOINT_URL_EC2": "http://ec2.example.com"}, "AWS_ENDPOINT_URL_EC2 is http://ec2.example.com: credentials go over https only", nil},
		"open endpoints":     {map[string]string{"AWS_ENDPOINT_URL": "http://aws.example.com"}, "https only", nil},
		"one of the profile": {map[string]string{"AWS_PROFILE": "open", "AWS_ENDPOINT_URL_EC2": ""}, "the endpoint of EC2 is http://proxy.example.com", nil},
		"an endpoint's noise": {map[string]string{"AWS_ENDPOINT_URL_SSM": "ssm"},
			"AWS_ENDPOINT_URL_SSM is not a URL", nil},
		"no CA":           {map[string]string{"AWS_CA_BUNDLE": "/nowhere/ca.pem"}, "read AWS_CA_BUNDLE", os.ErrNotExist},
		"an open checkip": {map[string]string{"AWS_ENDPOINT_URL_CHECKIP": "http://checkip.example.com"}, "https only", nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := logintest.New(t, sandbox.Options{}).In(map[string]string{"AWS_CONFIG_FILE": write(t, "config", config)}).In(c.env)
			o := w.Options()
			if w.Env["AWS_CA_BUNDLE"] != "" {
				o.CACert = ""
			}
			_, err := login.Open(t.Context(), o)
			if err == nil || !strings.Contains(err.Error(), c.text) || c.kind != nil && !errors.Is(err, c.kind) {
				t.Errorf("error %v, want %q", err, c.text)
			}
			logintest.Clean(t, err)
		})
	}
}

func TestIdentity_saysWhatIsWrongWithTheCredentials(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		text string
	}{
		"none":         {map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "no AWS credentials found: set AWS_PROFILE"},
		"expired":      {map[string]string{"AWS_ACCESS_KEY_ID": "ASIAEXPIRED", "AWS_SECRET_ACCESS_KEY": "secret-canary", "AWS_SESSION_TOKEN": "session-canary"}, "aws sso login"},
		"unknown key":  {map[string]string{"AWS_ACCESS_KEY_ID": "AKIAUNKNOWN"}, "check the access key"},
		"wrong secret": {map[string]string{"AWS_SECRET_ACCESS_KEY": "secret-canary"}, "check the secret key"},
		"wrong token":  {map[string]string{"AWS_SESSION_TOKEN": "session-canary"}, "check the access key"},
		"a token that STS does not trust": {map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_ROLE_ARN": deployer, "AWS_WEB_IDENTITY_TOKEN_FILE": write(t, "token", "session-canary")},
			"InvalidIdentityToken"},
		"SSO": {map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_PROFILE": "sso", "AWS_CONFIG_FILE": write(t, "config",
			"[profile sso]\nsso_session = acme\nsso_account_id = 123456789012\nsso_role_name = admin\n[sso-session acme]\nsso_region = eu-central-1\nsso_start_url = https://acme.awsapps.com/start\n")},
			"run `aws sso login --profile sso`"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("HOME", t.TempDir()) // where the SSO session would be
			t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			w := logintest.New(t, sandbox.Options{}).In(c.env)
			w.Cloud.SetKey("ASIAEXPIRED", sandbox.Key{Secret: "secret-canary", Session: "session-canary", Expired: true})
			_, err := w.Open(t).Identity(t.Context())
			if !errors.Is(err, aws.ErrCredentials) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("error %v, want %q", err, c.text)
			}
			logintest.Clean(t, err)
			if n := len(w.Cloud.Faults["sts"].Seen()); n > 4 || n > 1 && c.text != "InvalidIdentityToken" { // which the SDK takes for passing
				t.Errorf("%d requests for what another try does not change", n)
			}
		})
	}
}
