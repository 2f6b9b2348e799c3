package login_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/aws/login"
	"github.com/perpetual-ci/perpetual/pkg/aws/login/logintest"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

func TestOpen_findsTheRegionInTheOrderOfTheCLI(t *testing.T) {
	for name, of := range map[string]struct {
		given string
		env   map[string]string
		want  string
	}{
		"the given one":              {"eu-west-3", map[string]string{"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-3"},
		"AWS_REGION before the old":  {"", map[string]string{"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-1"},
		"AWS_DEFAULT_REGION instead": {"", map[string]string{"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-2"},
	} {
		w := logintest.New(t, sandbox.Options{}).In(of.env)
		if got := w.Open(t, func(o *login.Options) { o.Region = of.given }).Region(); got != of.want {
			t.Errorf("%s: %s, want %s", name, got, of.want)
		}
	}
}

// STS takes 15 minutes to 12 hours.
func TestOpen_looksAtTheLifeOfASession(t *testing.T) {
	for seconds, good := range map[string]bool{"": true, "900": true, "43200": true, "899": false, "43201": false, "1h": false, "-900": false, "900.5": false} {
		w := logintest.New(t, sandbox.Options{}).In(map[string]string{
			"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_ROLE_ARN": deployer,
			"AWS_WEB_IDENTITY_TOKEN_FILE": write(t, "token", "token-canary"), "AWS_ROLE_DURATION_SECONDS": seconds,
		})
		_, err := login.Open(t.Context(), w.Options())
		if (err == nil) != good || !good && !strings.Contains(err.Error(), fmt.Sprintf("AWS_ROLE_DURATION_SECONDS is %q; want 900 to 43200", seconds)) {
			t.Errorf("%q: %v", seconds, err)
		}
	}
}

func TestOpen_refusesHalfOfACredential(t *testing.T) {
	for want, c := range map[string]aws.Credentials{
		"an access key and its secret key go together": {AccessKey: "AKIAHALF"},
		"a role and an identity token go together":     {Role: deployer},
	} {
		w := logintest.New(t, sandbox.Options{})
		_, err := login.Open(t.Context(), w.Options(func(o *login.Options) { o.Credentials = c }))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	token := aws.Credentials{IdentityToken: secret.New("token-canary")}
	w := logintest.New(t, sandbox.Options{})
	if _, err := login.Open(t.Context(), w.Options(func(o *login.Options) { o.Credentials = token })); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("a token alone: %v", err)
	}
}

func TestOpen_refusesACAThatIsNone(t *testing.T) {
	w := logintest.New(t, sandbox.Options{})
	if _, err := login.Open(t.Context(), w.Options(func(o *login.Options) { o.CACert = "no PEM" })); err == nil || !strings.Contains(err.Error(), "open the AWS account") {
		t.Errorf("error %v", err)
	}
}

// Who has set the variable wants none of the others.
func TestOpen_canIgnoreConfiguredEndpoints(t *testing.T) {
	w := logintest.New(t, sandbox.Options{}).In(map[string]string{
		"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "TRUE", "AWS_ENDPOINT_URL": "http://aws.example.com", "AWS_ENDPOINT_URL_EC2": "http://ec2.example.com",
	})
	s := w.Open(t)
	if config := s.Connection().SDK(); config.BaseEndpoint != nil {
		t.Errorf("it would ask %s", *config.BaseEndpoint)
	}
}

func TestSession_givesAVariableAndItsBounds(t *testing.T) {
	w := logintest.New(t, sandbox.Options{}).In(map[string]string{"SOME_VARIABLE": "x"})
	s := w.Open(t, func(o *login.Options) { o.Timeout = time.Hour })
	if s.Env("SOME_VARIABLE") != "x" || s.Env("ANOTHER_ONE") != "" {
		t.Error("the environment is another")
	}
	ctx, cancel := s.Bound(t.Context())
	defer cancel()
	if until, bound := ctx.Deadline(); !bound || time.Until(until) > time.Hour {
		t.Errorf("a call may take until %v", until)
	}
	if err := s.Wrap(t.Context(), "do nothing", nil); err != nil {
		t.Errorf("no error is %v", err)
	}
}

func TestRegions_areTheEnabledOnesSorted(t *testing.T) {
	w := logintest.New(t, sandbox.Options{})
	names, err := w.Open(t).Regions(t.Context())
	if err != nil || len(names) < 10 || !slices.IsSorted(names) || !slices.Contains(names, "eu-central-1") || slices.Contains(names, "ap-southeast-3") {
		t.Errorf("got %q, %v", names, err)
	}
}

func TestRegions_sayThatTheAnswerIsNone(t *testing.T) {
	w := logintest.New(t, sandbox.Options{})
	w.Cloud.Faults["ec2"].Add(fault.Fault{Kind: fault.Status, Code: 200, Times: -1, Header: http.Header{"Content-Type": {"text/xml"}},
		Body: "<DescribeRegionsResponse><regionInfo></regionInfo></DescribeRegionsResponse>"})
	s := w.Open(t)
	for call, run := range map[string]func() error{
		"all": func() error { _, err := s.Regions(t.Context()); return err },
		"one": func() error { return s.CheckRegion(t.Context()) },
	} {
		if err := run(); err == nil || !strings.Contains(err.Error(), "look up the regions of AWS: the answer is not one of EC2") {
			t.Errorf("%s: %v", call, err)
		}
	}
}

func TestIdentity_saysThatTheAnswerIsNone(t *testing.T) {
	for name, body := range map[string]string{
		"no account": "<GetCallerIdentityResult><Arn>arn:aws:iam::1:user/a</Arn></GetCallerIdentityResult>",
		"no ARN":     "<GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult>",
		"no such":    "<GetCallerIdentityResult><Account>123456789012</Account><Arn>ada</Arn></GetCallerIdentityResult>",
	} {
		w := logintest.New(t, sandbox.Options{})
		w.Cloud.Faults["sts"].Add(fault.Fault{Kind: fault.Status, Code: 200, Header: http.Header{"Content-Type": {"text/xml"}},
			Body: "<GetCallerIdentityResponse>" + body + "</GetCallerIdentityResponse>"})
		if who, err := w.Open(t).Identity(t.Context()); err == nil || who != (login.Identity{}) || !strings.Contains(err.Error(), "ask AWS who we are: the answer is not one of STS") {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
	}
}

func TestKeys_sayWhyThereAreNone(t *testing.T) {
	w := logintest.New(t, sandbox.Options{}).In(map[string]string{
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_ROLE_ARN": deployer, "AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere/token",
	})
	keys, err := w.Open(t).Keys(t.Context())
	if err == nil || !strings.Contains(err.Error(), "get the credentials") || keys != (aws.Credentials{}) {
		t.Errorf("keys %v, %v", keys, err)
	}
	logintest.Clean(t, err)
}

// An answer that nobody would send is not read into memory.
func TestSession_readsNoAnswerWithoutEnd(t *testing.T) {
	w := logintest.New(t, sandbox.Options{})
	w.Cloud.Faults["sts"].Add(fault.Fault{Kind: fault.Status, Code: 200, Times: -1, Header: http.Header{"Content-Type": {"text/xml"}}, Body: string(bytes.Repeat([]byte("x"), 16<<20+1))})
	_, err := w.Open(t).Identity(t.Context())
	if err == nil || !strings.Contains(err.Error(), "larger than 16777216 bytes") {
		t.Errorf("error %.300v", err)
	}
}
