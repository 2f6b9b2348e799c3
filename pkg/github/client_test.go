package github_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/perpetual-ci/perpetual/pkg/github"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/github"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/tlsca"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

const (
	repo   = "acme/tool"
	canary = "ghp_canary0123456789"
)

var (
	day  = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	fast = retry.Policy{Attempts: 3, First: time.Millisecond, Max: 2 * time.Second}
)

// world is a GitHub with faults before it.
type world struct {
	*sandbox.Server
	script *fault.Script
	url    string
}

// start serves a GitHub with a CA's certificate, or without TLS.
func start(t *testing.T, o sandbox.Options, ca *tlsca.CA, certificate tlsca.Options) world {
	t.Helper()
	w := world{Server: sandbox.New(o), script: &fault.Script{}}
	server := httptest.NewUnstartedServer(w.script.Wrap(w.Server))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if ca == nil {
		server.Start()
	} else {
		config, err := ca.Config(certificate)
		if err != nil {
			t.Fatal(err)
		}
		server.TLS = config
		server.StartTLS()
	}
	t.Cleanup(server.Close)
	t.Cleanup(w.script.Close)
	w.url = server.URL
	return w
}

// plain is a world without TLS, with one release, and a client that has a token.
func plain(t *testing.T) (world, *github.Client) {
	t.Helper()
	w := start(t, sandbox.Options{}, nil, tlsca.Options{})
	w.Publish(repo, sandbox.Release{Tag: "v1.0.0", CreatedAt: day, Assets: []sandbox.Asset{{Name: "tool", Content: []byte("content")}}})
	return w, client(t, github.Config{URL: w.url, Token: secret.New(canary)})
}

func client(t *testing.T, config github.Config) *github.Client {
	t.Helper()
	if config.Policy.Attempts == 0 {
		config.Policy = fast
	}
	c, err := github.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// newCA makes a CA or ends the test.
func newCA(t *testing.T) *tlsca.CA {
	t.Helper()
	ca, err := tlsca.New()
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func TestNew_refusesWhatCannotBeAnAPI(t *testing.T) {
	cases := []struct {
		name   string
		config github.Config
		want   string // in the error; "" is none
	}{
		{"github.com", github.Config{}, ""},
		{"enterprise", github.Config{URL: "https://ghe.example.com/api/v3", Token: secret.New(canary)}, ""},
		{"no scheme", github.Config{URL: "ghe.example.com/api/v3"}, "needs a scheme and a host"},
		{"host and port without scheme", github.Config{URL: "ghe.example.com:8443"}, "needs a scheme and a host"},
		{"another scheme", github.Config{URL: "ftp://ghe.example.com"}, "needs a scheme and a host"},
		{"no host", github.Config{URL: "https:///api/v3"}, "needs a scheme and a host"},
		{"no URL", github.Config{URL: "https://ghe example.com/%zz"}, "it is not a URL"},
		{"a password in it", github.Config{URL: "https://user:" + canary + "@ghe.example.com"}, "must not hold a user or password"},
		{"a query", github.Config{URL: "https://ghe.example.com/api/v3?x=1"}, "must not hold a query"},
		{"a token over http", github.Config{URL: "http://ghe.example.com/api/v3", Token: secret.New(canary)}, "over https only"},
		{"no token over http", github.Config{URL: "http://ghe.example.com/api/v3"}, ""},
		{"a CA that is not PEM", github.Config{CACert: "MIIB"}, "no certificate in PEM form"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := github.New(c.config)
			if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
			checkError(t, err)
		})
	}
}

// checkError holds what is true of every error: one line, and no credential.
func checkError(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if text := err.Error(); strings.ContainsAny(text, "\n\r") || !utf8.ValidString(text) || len(text) > 500 || strings.Contains(text, "canary") || strings.Contains(text, `Get "http`) {
		t.Errorf("the error has several lines, is long, repeats the URL, or holds the token: %q", text)
	}
}

func TestClient_asksEnterpriseUnderItsPathWithItsCA(t *testing.T) {
	ca := newCA(t)
	w := start(t, sandbox.Options{Tokens: []string{canary}}, ca, tlsca.Options{})
	w.Publish(repo, sandbox.Release{Tag: "v1.0.0"})
	for _, url := range []string{w.url + "/api/v3", w.url + "/api/v3/"} {
		c := client(t, github.Config{URL: url, Token: secret.New(canary), CACert: ca.PEM()})
		if _, err := c.ReleaseByTag(t.Context(), repo, "v1.0.0"); err != nil {
			t.Error(err)
		}
	}
	for _, seen := range w.script.Seen() {
		if seen.URL != "/api/v3/repos/acme/tool/releases/tags/v1.0.0" || !seen.Authorization {
			t.Errorf("asked %s, with a token: %v", seen.URL, seen.Authorization)
		}
	}
}

func TestHeader_givesTheTokenToTheAPIsHostOnly(t *testing.T) {
	c := client(t, github.Config{URL: "https://ghe.example.com/api/v3", Token: secret.New(canary)})
	for url, authorized := range map[string]bool{
		"https://ghe.example.com/api/v3/repos/a/b/releases/assets/1": true,
		"https://ghe.example.com.evil.example/a":                     false,
		"https://ghe.example.com:8443/a":                             false,
		"http://ghe.example.com/a":                                   false,
		"https://objects.example.com/a":                              false,
		"https://x@evil.example/ghe.example.com":                     false,
		"%zz":                                                        false,
		"":                                                           false,
	} {
		h := c.Header(url)
		if got := h.Get("Authorization") == "Bearer "+canary; got != authorized || h.Get("Accept") != "application/octet-stream" {
			t.Errorf("%s: header with token %v, accept %q", url, got, h.Get("Accept"))
		}
	}
	if h := client(t, github.Config{}).Header("https://api.github.com/a"); h.Get("Authorization") != "" {
		t.Error("without a token there is an Authorization")
	}
}

func TestClient_followsRenamedRepositoriesWithoutLeakingTheToken(t *testing.T) {
	w, c := plain(t)
	w.Rename(repo, "acme/instrument")
	if list, _, err := c.Releases(t.Context(), repo, 1, 100); err != nil || len(list) != 1 {
		t.Errorf("%d releases, error %v", len(list), err)
	}
	if seen := w.script.Seen(); len(seen) != 2 || !seen[0].Authorization || !seen[1].Authorization {
		t.Errorf("on its own host: %+v", seen)
	}

	elsewhere := start(t, sandbox.Options{}, nil, tlsca.Options{})
	elsewhere.Publish(repo, sandbox.Release{Tag: "v1"})
	w.script.Add(fault.Fault{Kind: fault.Redirect, To: elsewhere.url + "/repos/acme/tool/releases"})
	if list, _, err := c.Releases(t.Context(), repo, 1, 100); err != nil || len(list) != 1 {
		t.Errorf("%d releases, error %v", len(list), err)
	}
	if seen := elsewhere.script.Seen(); len(seen) != 1 || seen[0].Authorization {
		t.Errorf("the other host saw %+v", seen)
	}
}

func TestClient_followsNothingFromHTTPSToHTTP(t *testing.T) {
	ca := newCA(t)
	w := start(t, sandbox.Options{}, ca, tlsca.Options{})
	insecure := start(t, sandbox.Options{}, nil, tlsca.Options{})
	w.script.Add(fault.Fault{Kind: fault.Redirect, To: insecure.url + "/repos/acme/tool/releases", Times: -1})
	c := client(t, github.Config{URL: w.url, Token: secret.New(canary), CACert: ca.PEM()})
	_, _, err := c.Releases(t.Context(), repo, 1, 100)
	if err == nil || !strings.Contains(err.Error(), "redirects from https to http") {
		t.Errorf("error %v", err)
	}
	checkError(t, err)
	if seen := insecure.script.Seen(); len(seen) != 0 {
		t.Errorf("the insecure server saw %+v", seen)
	}
}

func TestClient_sendsNothingToWhoHasTheWrongCertificate(t *testing.T) {
	ca, other := newCA(t), newCA(t)
	cases := []struct {
		name        string
		certificate tlsca.Options
		trusted     string
		want        string
	}{
		{"another CA", tlsca.Options{}, other.PEM(), "with the given ca_cert"},
		{"the system's CAs", tlsca.Options{}, "", "with the system's CAs (ca_cert is not set)"},
		{"expired", tlsca.Options{Expired: true}, ca.PEM(), "expired"},
		{"another host", tlsca.Options{Hosts: []string{"ghe.example.com"}}, ca.PEM(), "with the given ca_cert"},
		{"self-signed", tlsca.Options{SelfSigned: true}, ca.PEM(), "unknown authority"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := start(t, sandbox.Options{}, ca, c.certificate)
			_, err := client(t, github.Config{URL: w.url, Token: secret.New(canary), CACert: c.trusted}).Tags(t.Context(), repo)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			checkError(t, err)
			if seen := w.script.Seen(); len(seen) != 0 {
				t.Errorf("the server saw %+v", seen)
			}
		})
	}
}

func TestClient_refusesOddRepositories(t *testing.T) {
	w, c := plain(t)
	for _, odd := range []string{"", "tool", "/tool", "acme/", "acme/tool/x", "acme/..", "../tool", "acme/to ol", "acme/to?ol", "acme\n/tool"} {
		if _, _, err := c.Releases(t.Context(), odd, 1, 1); err == nil {
			t.Errorf("%q was asked for", odd)
		}
	}
	if seen := w.script.Seen(); len(seen) != 0 {
		t.Errorf("the server saw %+v", seen)
	}
}

func TestClient_identifiesItself(t *testing.T) {
	var agent string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		agent = r.UserAgent()
		_, _ = io.WriteString(w, "[]")
	}))
	defer server.Close()
	if _, err := client(t, github.Config{URL: server.URL}).Tags(t.Context(), repo); err != nil || !strings.HasPrefix(agent, "perpetual") {
		t.Errorf("User-Agent %q, error %v", agent, err)
	}
}

// Files and secret stores leave a line break at the end of a token.
func TestNew_trimsTheToken(t *testing.T) {
	w := start(t, sandbox.Options{Tokens: []string{canary}}, nil, tlsca.Options{})
	w.Publish(repo, sandbox.Release{Tag: "v1.0.0", CreatedAt: day})
	for _, token := range []string{canary + "\n", " " + canary + "\r\n", "\t" + canary} {
		c := client(t, github.Config{URL: w.url, Token: secret.New(token)})
		if list, _, err := c.Releases(t.Context(), repo, 1, 10); err != nil || len(list) != 1 {
			t.Errorf("%q: %d releases, error %v", token, len(list), err)
		}
		if got := c.Header(w.url + "/x").Get("Authorization"); got != "Bearer "+canary {
			t.Errorf("%q: header %q", token, got)
		}
	}
	_, err := github.New(github.Config{URL: w.url, Token: secret.New("ghp_a\nghp_b")})
	if err == nil || err.Error() != "check github token: it holds a line break or another character that cannot be sent" {
		t.Errorf("two tokens: %v", err)
	}
}
