package boshio_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/boshio"
	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/boshio"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/tlsca"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/vacant"
)

const (
	repository = "github.com/concourse/concourse-bosh-release"
	jammy      = "bosh-aws-xen-hvm-ubuntu-jammy-go_agent"
)

var fast = retry.Policy{Attempts: 3, First: time.Millisecond, Max: 2 * time.Second}

// world is a bosh.io with faults before it.
type world struct {
	*sandbox.Server
	script *fault.Script
	url    string
}

// start serves a bosh.io with a CA's certificate, or without TLS.
func start(t *testing.T, ca *tlsca.CA, certificate tlsca.Options) world {
	t.Helper()
	w := world{Server: sandbox.New(sandbox.Options{}), script: &fault.Script{}}
	w.AddRelease(sandbox.Release{Repository: repository, Version: "8.2.5", Published: time.Unix(1e9, 0)})
	w.AddStemcell(sandbox.Stemcell{Name: jammy, Version: "1.484"})
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

func client(t testing.TB, config boshio.Config) *boshio.Client {
	t.Helper()
	config.Policy = fast
	c, err := boshio.New(config)
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

// checkError holds what is true of every error: one line, of bounded length.
func checkError(t *testing.T, err error) {
	t.Helper()
	if err != nil && (strings.ContainsAny(err.Error(), "\n\r") || len(err.Error()) > 500) {
		t.Errorf("the error has several lines or is long: %q", err)
	}
}

func TestNew_refusesWhatCannotBeAnAPI(t *testing.T) {
	for url, want := range map[string]string{
		"":                             "",
		"https://mirror.example.com":   "",
		"https://mirror.example.com/":  "",
		"mirror.example.com":           "needs a scheme and a host",
		"mirror.example.com:8080":      "needs a scheme and a host",
		"file:///srv/mirror":           "needs a scheme and a host",
		"https://":                     "needs a scheme and a host",
		"https://a b/%zz":              "it is not a URL",
		"https://u:canary@example.com": "must not hold a user or password",
		"https://example.com?x=1":      "must not hold a query",
	} {
		_, err := boshio.New(boshio.Config{URL: url})
		if (err == nil) != (want == "") || (err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary"))) {
			t.Errorf("%q: error %v, want %q", url, err, want)
		}
		checkError(t, err)
	}
	if _, err := boshio.New(boshio.Config{CACert: "MIIB"}); !errors.Is(err, retry.ErrCACert) {
		t.Errorf("error %v, want ErrCACert", err)
	}
}

// asks are the calls that send something.
var asks = map[string]func(context.Context, *boshio.Client, string) error{
	"Releases": func(ctx context.Context, c *boshio.Client, _ string) error {
		_, err := c.Releases(ctx, repository)
		return err
	},
	"Stemcells": func(ctx context.Context, c *boshio.Client, _ string) error {
		_, err := c.Stemcells(ctx, jammy)
		return err
	},
	"LastModified": func(ctx context.Context, c *boshio.Client, url string) error {
		_, err := c.LastModified(ctx, url+"/d/"+repository+"?v=8.2.5", dial.Loopback)
		return err
	},
}

func TestClient_saysWhyItWasRefused(t *testing.T) {
	cases := []struct {
		name     string
		fault    fault.Fault
		want     string
		is       error
		requests int
	}{
		{"401", fault.Fault{Code: 401}, "answered 401 Unauthorized: it, or a proxy before it, lets this machine not in", nil, 1},
		{"403", fault.Fault{Code: 403, Body: "<html>\nblocked</html>"}, "answered 403 Forbidden", nil, 1},
		{"404", fault.Fault{Code: 404}, "answered 404 Not Found", boshio.ErrNotFound, 1},
		{"503 that is long", fault.Fault{Code: 503, Header: http.Header{"Retry-After": {"3600"}}}, "answered 503 Service Unavailable: it asks to wait 1h0m0s", boshio.ErrUnavailable, 1},
		{"429 that is long", fault.Fault{Code: 429, Header: http.Header{"Retry-After": {"600"}}}, "it asks to wait until", boshio.ErrLimited, 1},
		{"500", fault.Fault{Code: 500, Body: "<html>oops</html>"}, "answered 500 Internal Server Error each time", boshio.ErrUnavailable, 3},
		{"503", fault.Fault{Code: 503}, "try again later", boshio.ErrUnavailable, 3},
	}
	for _, c := range cases {
		for name, ask := range asks {
			t.Run(c.name+" "+name, func(t *testing.T) {
				w := start(t, nil, tlsca.Options{})
				c.fault.Kind, c.fault.Times = fault.Status, -1
				w.script.Add(c.fault)
				err := ask(t.Context(), client(t, boshio.Config{URL: w.url}), w.url)
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("error %v, want %q", err, c.want)
				}
				checkError(t, err)
				for _, kind := range []error{boshio.ErrNotFound, boshio.ErrLimited, boshio.ErrUnavailable, boshio.ErrNotJSON, boshio.ErrNoDate} {
					if errors.Is(err, kind) != errors.Is(kind, c.is) {
						t.Errorf("errors.Is(%v) = %v", kind, errors.Is(err, kind))
					}
				}
				if n := len(w.script.Seen()); n != c.requests {
					t.Errorf("%d requests, want %d", n, c.requests)
				}
			})
		}
	}
}

func TestClient_repeatsWhatPassesAndNotForEver(t *testing.T) {
	for _, f := range []fault.Fault{
		{Kind: fault.Status, Code: 502}, {Kind: fault.Refuse}, {Kind: fault.ResetAfter}, {Kind: fault.CutBody, Bytes: 20},
	} {
		t.Run(f.Kind.String(), func(t *testing.T) {
			w := start(t, nil, tlsca.Options{})
			var said []string
			c := client(t, boshio.Config{URL: w.url, Notify: func(line string) { said = append(said, line) }})
			f.Times = 2
			w.script.Add(f)
			if list, err := c.Releases(t.Context(), repository); err != nil || len(list) != 1 {
				t.Errorf("%v, error %v", list, err)
			}
			if len(said) != 2 || strings.Contains(strings.Join(said, ""), "\n") || !strings.Contains(said[0], "asking again in") {
				t.Errorf("said %q", said)
			}
			f.Times = -1
			w.script.Forget()
			w.script.Add(f)
			// On a connection that was used before, net/http by itself asks once more.
			_, err := client(t, boshio.Config{URL: w.url}).Releases(t.Context(), repository)
			if n := len(w.script.Seen()); err == nil || n != 3 {
				t.Errorf("for ever: %d requests, error %v", n, err)
			}
			checkError(t, err)
		})
	}
}

func TestClient_trustsOnlyItsCA(t *testing.T) {
	ca, other := newCA(t), newCA(t)
	w := start(t, ca, tlsca.Options{})
	if _, err := client(t, boshio.Config{URL: w.url, CACert: ca.PEM()}).Releases(t.Context(), repository); err != nil {
		t.Error(err)
	}
	w.script.Forget()
	for trusted, want := range map[string]string{other.PEM(): "with the given ca_cert", "": "with the system's CAs"} {
		_, err := client(t, boshio.Config{URL: w.url, CACert: trusted}).Stemcells(t.Context(), jammy)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		checkError(t, err)
	}
	if seen := w.script.Seen(); len(seen) != 0 {
		t.Errorf("the server saw %+v", seen)
	}
}

func TestClient_followsNothingFromHTTPSToHTTP(t *testing.T) {
	ca := newCA(t)
	w, insecure := start(t, ca, tlsca.Options{}), start(t, nil, tlsca.Options{})
	w.script.Add(fault.Fault{Kind: fault.Redirect, To: insecure.url + "/api/v1/releases/" + repository, Times: -1})
	_, err := client(t, boshio.Config{URL: w.url, CACert: ca.PEM()}).Releases(t.Context(), repository)
	if err == nil || !strings.Contains(err.Error(), "redirects from https to http") || len(insecure.script.Seen()) != 0 {
		t.Errorf("error %v, the insecure server saw %+v", err, insecure.script.Seen())
	}
	checkError(t, err)
}

func TestClient_saysThatAHostIsUnreachable(t *testing.T) {
	address := vacant.Address(t)
	for name, ask := range asks {
		err := ask(t.Context(), client(t, boshio.Config{URL: "http://" + address}), "http://"+address)
		if err == nil || !strings.Contains(err.Error(), "reach "+address) || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("%s: error %v", name, err)
		}
		checkError(t, err)
	}
}

func TestClient_endsWithItsContext(t *testing.T) {
	for name, ask := range asks {
		w := start(t, nil, tlsca.Options{})
		w.script.Add(fault.Fault{Kind: fault.Hang, Times: -1})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		if err := ask(ctx, client(t, boshio.Config{URL: w.url}), w.url); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: error %v, want a deadline", name, err)
		}
		cancel()
	}
}

func TestLastModified_readsTheDateOfTheFileItself(t *testing.T) {
	w := start(t, nil, tlsca.Options{})
	c := client(t, boshio.Config{URL: w.url})
	date, err := c.LastModified(t.Context(), w.url+"/d/"+repository+"?v=8.2.5", dial.Loopback)
	if err != nil || date.Unix() != 1e9 {
		t.Errorf("%v, error %v", date, err)
	}
	for _, seen := range w.script.Seen() {
		if seen.Method != http.MethodHead {
			t.Errorf("asked by %s", seen.Method)
		}
	}
	w.script.Add(fault.Fault{Kind: fault.Status, Code: 200}, fault.Fault{Kind: fault.Status, Code: 200, Header: http.Header{"Last-Modified": {"yesterday"}}})
	for range 2 {
		if _, err := c.LastModified(t.Context(), w.url+"/x", dial.Loopback); !errors.Is(err, boshio.ErrNoDate) {
			t.Errorf("error %v, want ErrNoDate", err)
		}
	}
	for _, odd := range []string{"", "/path", "ftp://example.com/x", "https://a b/%zz"} {
		if _, err := c.LastModified(t.Context(), odd, dial.Loopback); err == nil {
			t.Errorf("%q was asked for", odd)
		}
	}
}
