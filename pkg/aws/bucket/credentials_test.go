package bucket_test

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/aws/bucket"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/tlsca"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// authority gives keys as STS, a container's agent and an instance's metadata
// service do, and notes what it was asked.
type authority struct {
	url   string
	asked []string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		a.asked = append(a.asked, r.Method+" "+r.URL.Path+" "+string(body)+" "+r.Header.Get("Authorization"))
		a.answer(w, r)
	}))
	t.Cleanup(server.Close)
	a.url = server.URL
	return a
}

// answer follows the pages "AssumeRoleWithWebIdentity" of the STS reference and
// "Use IMDS to access instance metadata" and "Task IAM role" of the user guides.
func (a *authority) answer(w http.ResponseWriter, r *http.Request) {
	until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	keys := fmt.Sprintf(`{"Code":"Success","AccessKeyId":"ASIAGIVEN","SecretAccessKey":"k","Token":"t","Expiration":%q}`, until)
	switch r.URL.Path {
	case "/":
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprintf(w, `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials>
<AccessKeyId>ASIAGIVEN</AccessKeyId><SecretAccessKey>k</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%s</Expiration>
</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`, until)
	case "/latest/api/token":
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
		_, _ = io.WriteString(w, "metadata-token")
	case "/latest/meta-data/iam/security-credentials/":
		_, _ = io.WriteString(w, "web-role")
	case "/latest/meta-data/iam/security-credentials/web-role", "/agent":
		_, _ = io.WriteString(w, keys)
	default:
		http.NotFound(w, r)
	}
}

func TestCredentials_comeFromWhatTheEnvironmentHas(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("identity-token"), 0o600); err != nil {
		t.Fatal(err)
	}
	const role = "arn:aws:iam::1:role/ci"
	for name, c := range map[string]struct {
		given aws.Credentials
		env   map[string]string // URL stands for the authority
		key   string
		asked string // by the last request to the authority
	}{
		"given keys":       {aws.Credentials{AccessKey: "AKIAGIVEN", SecretKey: secret.New("k")}, map[string]string{"AWS_ACCESS_KEY_ID": "no", "AWS_SECRET_ACCESS_KEY": "no"}, "AKIAGIVEN", ""},
		"given token":      {aws.Credentials{Role: role, IdentityToken: secret.New("own-token")}, map[string]string{"AWS_ENDPOINT_URL_STS": "URL"}, "ASIAGIVEN", "WebIdentityToken=own-token"},
		"variables":        {aws.Credentials{}, map[string]string{"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "k", "AWS_WEB_IDENTITY_TOKEN_FILE": file}, "AKIAENV", ""},
		"web identity":     {aws.Credentials{}, map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": file, "AWS_ROLE_ARN": role, "AWS_ENDPOINT_URL_STS": "URL"}, "ASIAGIVEN", "WebIdentityToken=identity-token"},
		"container":        {aws.Credentials{}, map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "URL/agent", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "agent-token"}, "ASIAGIVEN", "agent-token"},
		"pod identity":     {aws.Credentials{}, map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "URL/agent", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": file}, "ASIAGIVEN", "identity-token"},
		"instance profile": {aws.Credentials{}, map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": "URL"}, "ASIAGIVEN", "/latest/meta-data/iam/security-credentials/web-role"},
	} {
		t.Run(name, func(t *testing.T) {
			from, used := newAuthority(t), ""
			w := newWorld(t, tlsca.Options{})
			w.server.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				used = r.Header.Get("Authorization")
				w.s3.ServeHTTP(rw, r)
			})
			w.options.Credentials = c.given
			w.options.Env = func(key string) string { return strings.Replace(c.env[key], "URL", from.url, 1) }
			if _, err := w.open(t).Now(t.Context()); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(used, "Credential="+c.key+"/") {
				t.Errorf("signed as %q, want %s", used, c.key)
			}
			if c.asked == "" && len(from.asked) > 0 || c.asked != "" && (len(from.asked) == 0 || !strings.Contains(from.asked[len(from.asked)-1], c.asked)) {
				t.Errorf("asked %q, want %q", from.asked, c.asked)
			}
		})
	}
}

func TestCredentials_sayWhereTheyWereLookedFor(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message></Error></ErrorResponse>`)
	}))
	defer refusing.Close()
	for name, c := range map[string]struct {
		env   map[string]string
		token string
		text  string
	}{
		"nothing":       {map[string]string{"AWS_EC2_METADATA_DISABLED": "true"}, "", "as no others were given"},
		"no token file": {map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": "/absent", "AWS_ROLE_ARN": "arn:aws:iam::1:role/ci", "AWS_ENDPOINT_URL_STS": refusing.URL}, "", "identity token"},
		"refused token": {map[string]string{"AWS_ENDPOINT_URL_STS": refusing.URL}, secretKey, "Not authorized"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tlsca.Options{})
			w.options.Credentials = aws.Credentials{}
			if c.token != "" {
				w.options.Credentials = aws.Credentials{Role: "arn:aws:iam::1:role/ci", IdentityToken: secret.New(c.token)}
			}
			w.options.Env = func(key string) string { return c.env[key] }
			bucket := w.open(t)
			for call, run := range calls(bucket) {
				err := run(t.Context())
				if !errors.Is(err, aws.ErrCredentials) || !strings.Contains(err.Error(), c.text) {
					t.Errorf("%s: %v, want %q", call, err, c.text)
				}
				clean(t, err)
			}
			if n := w.count(""); n > 0 {
				t.Errorf("%d requests without credentials", n)
			}
		})
	}
}

// Keys and tokens stay out of whatever prints the options.
func TestCredentials_doNotPrintThemselves(t *testing.T) {
	o := bucket.Options{Credentials: aws.Credentials{AccessKey: accessKey, SecretKey: secret.New(secretKey), IdentityToken: secret.New(secretKey)}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, o); strings.Contains(text, secretKey) {
			t.Errorf("%s shows %s", verb, text)
		}
	}
}

// STS is reached as the bucket is: with the CAs of AWS_CA_BUNDLE, where that names some.
func TestCredentials_comeFromAnSTSThatTheCABundleKnows(t *testing.T) {
	a := &authority{}
	sts := httptest.NewTLSServer(http.HandlerFunc(a.answer))
	t.Cleanup(sts.Close)
	file := filepath.Join(t.TempDir(), "bundle.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: sts.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, tlsca.Options{})
	w.options.Credentials = aws.Credentials{Role: "arn:aws:iam::1:role/ci", IdentityToken: secret.New("token")}
	w.options.Env = func(name string) string {
		return map[string]string{"AWS_ENDPOINT_URL_STS": sts.URL, "AWS_CA_BUNDLE": file}[name]
	}
	if _, err := w.open(t).Now(t.Context()); err != nil {
		t.Error(err)
	}
}

// An answer without an end is not read to its end.
func TestCredentials_takeNoAnswerLargerThanAnyWithKeys(t *testing.T) {
	read := make(chan int64, 1)
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		n, _ := io.Copy(w, io.LimitReader(endless{}, 1<<28))
		select {
		case read <- n:
		default:
		}
	}))
	t.Cleanup(sts.Close)
	w := newWorld(t, tlsca.Options{})
	w.options.Credentials = aws.Credentials{Role: "arn:aws:iam::1:role/ci", IdentityToken: secret.New("token")}
	w.options.Env = func(name string) string { return map[string]string{"AWS_ENDPOINT_URL_STS": sts.URL}[name] }
	if _, err := w.open(t).Now(t.Context()); err == nil || !strings.Contains(err.Error(), "exchange the identity token") {
		t.Errorf("error %v", err)
	}
	if n := <-read; n == 1<<28 {
		t.Error("the whole answer was read")
	}
}

// endless is a text without an end.
type endless struct{}

// Read implements io.Reader.
func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}
