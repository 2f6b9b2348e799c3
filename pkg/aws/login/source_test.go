package login_test

import (
	"crypto/sha1" // which names the files of SSO sessions
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws/login"
	"github.com/perpetual-ci/perpetual/pkg/aws/login/logintest"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
)

const ssoConfig = "[profile sso]\nsso_session = acme\nsso_account_id = 123456789012\nsso_role_name = admin\n" +
	"[sso-session acme]\nsso_region = eu-central-1\nsso_start_url = https://acme.awsapps.com/start\n"

// keysOf are the keys that the other sources of this file give.
var keysOf = sandbox.Key{Secret: "secret-canary", Session: "session-canary", ARN: "arn:aws:sts::123456789012:assumed-role/admin/ada"}

// source is a server that gives these keys, as IAM Identity Center
// (GetRoleCredentials) and a container's agent do.
func source(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		until := time.Now().Add(time.Hour)
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasPrefix(r.URL.Path, "/federation/credentials") && r.Header.Get("X-Amz-Sso_bearer_token") == "token-canary":
			_, _ = fmt.Fprintf(w, `{"roleCredentials":{"accessKeyId":"ASIASOURCE","secretAccessKey":"secret-canary","sessionToken":"session-canary","expiration":%d}}`, until.UnixMilli())
		case r.URL.Path == "/agent" && r.Header.Get("Authorization") == "agent-canary":
			_, _ = fmt.Fprintf(w, `{"AccessKeyId":"ASIASOURCE","SecretAccessKey":"secret-canary","Token":"session-canary","Expiration":%q}`, until.UTC().Format(time.RFC3339))
		default:
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"__type":"UnauthorizedException","message":"Session token not found or invalid"}`))
		}
	}))
	t.Cleanup(server.Close)
	return server
}

// session leaves what `aws sso login` leaves in a home directory.
func session(t *testing.T, token string) string {
	t.Helper()
	home := t.TempDir()
	dir := filepath.Join(home, ".aws", "sso", "cache")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]string{"accessToken": token, "expiresAt": time.Now().Add(time.Hour).UTC().Format(time.RFC3339), "region": "eu-central-1"})
	if err != nil {
		t.Fatal(err)
	}
	name := sha1.Sum([]byte("acme"))
	if err := os.WriteFile(filepath.Join(dir, hex.EncodeToString(name[:])+".json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return home
}

// These sources are the SDK's own, which reads the process's environment.
func TestIdentity_byTheSourcesOfTheSDK(t *testing.T) {
	const process = `{"Version":1,"AccessKeyId":"ASIASOURCE","SecretAccessKey":"secret-canary","SessionToken":"session-canary"}`
	for name, c := range map[string]struct {
		config string
		env    map[string]string // %s is the source's URL
		fails  string
	}{
		"an SSO session":             {ssoConfig, map[string]string{"AWS_PROFILE": "sso", "AWS_ENDPOINT_URL_SSO": "%s", "HOME": session(t, "token-canary")}, ""},
		"an SSO session that is out": {ssoConfig, map[string]string{"AWS_PROFILE": "sso", "AWS_ENDPOINT_URL_SSO": "%s", "HOME": session(t, "session-canary")}, "run `aws sso login --profile sso`"},
		"a container's agent":        {"", map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "%s/agent", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "agent-canary"}, ""},
		"an agent that refuses":      {"", map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "%s/agent", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "wrong"}, "get AWS credentials"},
		"a credential process":       {"[profile vault]\ncredential_process = echo '" + process + "'\n", map[string]string{"AWS_PROFILE": "vault"}, ""},
		"a process that fails":       {"[profile vault]\ncredential_process = false\n", map[string]string{"AWS_PROFILE": "vault"}, "check the profile"},
	} {
		t.Run(name, func(t *testing.T) {
			server := source(t)
			w := logintest.New(t, sandbox.Options{}).In(map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_CONFIG_FILE": write(t, "config", c.config)})
			w.Cloud.SetKey("ASIASOURCE", keysOf)
			for name, value := range c.env {
				value = strings.Replace(value, "%s", server.URL, 1)
				w.Env[name] = value
				t.Setenv(name, value)
			}
			who, err := w.Open(t).Identity(t.Context())
			if c.fails == "" && (err != nil || who != (login.Identity{Account: "123456789012", ARN: keysOf.ARN, Partition: "aws"})) {
				t.Errorf("%+v, %v", who, err)
			}
			if c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
				t.Errorf("error %v, want %q", err, c.fails)
			}
			logintest.Clean(t, err)
		})
	}
}
