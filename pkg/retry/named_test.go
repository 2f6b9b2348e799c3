package retry_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/names"
)

// inside is a server on this machine that counts its requests, by path.
type inside struct {
	*httptest.Server
	port  string
	paths chan string
}

// serveInside starts one; /to?URL redirects.
func serveInside(t *testing.T) *inside {
	t.Helper()
	s := &inside{paths: make(chan string, 100)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.paths <- r.Method + " " + r.URL.Path
		if r.URL.Path == "/to" {
			w.Header().Set("Location", r.URL.RawQuery)
			w.WriteHeader(http.StatusFound)
		}
	}))
	t.Cleanup(s.Close)
	u, _ := url.Parse(s.URL)
	s.port = u.Port()
	return s
}

// seen are the requests so far.
func (s *inside) seen() (list []string) {
	for {
		select {
		case p := <-s.paths:
			list = append(list, p)
		default:
			return list
		}
	}
}

// fetch sends a request and gives its error as people see it.
func fetch(ctx context.Context, t *testing.T, o retry.Options, method, url string) (*http.Response, error) {
	t.Helper()
	o.Policy = fast
	client, err := retry.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	return send(ctx, t, client, method, url)
}

func send(ctx context.Context, t *testing.T, client *http.Client, method, url string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, retry.Explain(err, req.URL.Host, false)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return res, nil
}

func TestClient_followsNoRedirectToWhereItsServerMayNotSendAnybody(t *testing.T) {
	s := serveInside(t)
	dns := names.New()
	dns.Set("internal.example.com", "10.0.0.6")
	dns.Set("here.example.com", "127.0.0.1")
	for _, c := range []struct {
		name, to string
		want     string // "" is followed
	}{
		{"to itself", s.URL + "/end", ""},
		{"to another server of its network, by a name", "http://here.example.com:" + s.port + "/end", ""},
		{"to a metadata service", "http://169.254.169.254/latest/meta-data/", "refuse to fetch from 169.254.169.254: it is a link-local address"},
		{"in a chain that ends there", s.URL + "/to?http://169.254.169.254/latest/meta-data/", "refuse to fetch from 169.254.169.254"},
		{"in a chain that goes over a name", "http://here.example.com:" + s.port + "/to?http://[::ffff:169.254.169.254]/", "refuse to fetch from 169.254.169.254"},
		{"to another network", "http://internal.example.com/", "refuse to fetch from internal.example.com: it is at 10.0.0.6, a private address"},
		{"with a password", strings.Replace(s.URL, "://", "://u:canary@", 1), "refuse the url: it holds a user or password"},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			t.Run(c.name+" "+method, func(t *testing.T) {
				_, err := fetch(t.Context(), t, retry.Options{Resolver: dns.Resolver()}, method, s.URL+"/to?"+c.to)
				if (err == nil) != (c.want == "") || err != nil && (!strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "canary")) {
					t.Errorf("error %v, want %q", err, c.want)
				}
				seen := strings.Join(s.seen(), ", ")
				if strings.Contains(seen, "/end") != (c.want == "") || strings.Count(seen, method+" /to") != 1+strings.Count(c.to, "/to?") {
					t.Errorf("requests: %s", seen)
				}
			})
		}
	}
}

func TestClient_connectsToNoAddressThatTheServerMayNotName(t *testing.T) {
	s := serveInside(t)
	dns := names.New()
	dns.Set("files.example.com", "127.0.0.1")
	dns.Set("private.example.com", "10.0.0.6 fd12::1")
	for _, c := range []struct {
		url  string
		by   dial.Network
		want string // "" is sent
	}{
		{s.URL, dial.Loopback, ""},
		{"http://files.example.com:" + s.port, dial.Loopback, ""},
		{s.URL, dial.Internet, "refuse to fetch from 127.0.0.1: it is a loopback address"},
		{"http://files.example.com:" + s.port, dial.Internet, "refuse to fetch from files.example.com: it is at 127.0.0.1, a loopback address"},
		{"http://files.example.com:" + s.port, dial.Private, "refuse to fetch from files.example.com"},
		{"http://files.example.com:" + s.port, dial.Reserved, "refuse to fetch from files.example.com"},
		{"http://files.example.com:" + s.port, "unknown", "refuse to fetch from files.example.com"},
		{"http://private.example.com", dial.Loopback, "refuse to fetch from private.example.com: it is at "},
		{"http://[::ffff:127.0.0.1]:" + s.port, dial.Internet, "refuse to fetch from 127.0.0.1: it is a loopback address"},
		{"http://2130706433:" + s.port, dial.Loopback, "refuse the url: its host is an address in an unusual form"},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			_, err := fetch(retry.Named(t.Context(), c.by), t, retry.Options{Resolver: dns.Resolver()}, method, c.url)
			if (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("%s %s named from %q: error %v, want %q", method, c.url, c.by, err, c.want)
			}
			if seen := s.seen(); (len(seen) == 1) != (c.want == "") {
				t.Errorf("%s %s named from %q: requests %v", method, c.url, c.by, seen)
			}
		}
	}
}

// A name may mean one address when it is looked at, and another one when it is used.
func TestClient_isNotMisledByANameThatChanges(t *testing.T) {
	s := serveInside(t)
	dns := names.New()
	dns.Set("files.example.com", "198.51.100.7", "127.0.0.1")
	resolver := dns.Resolver()
	target := "http://files.example.com:" + s.port
	lookup := func(ctx context.Context, host string) ([]netip.Addr, error) {
		return resolver.LookupNetIP(ctx, "ip4", host)
	}
	if err := dial.Check(t.Context(), target, dial.Internet, lookup); err != nil {
		t.Fatalf("at the first look: %v", err)
	}
	_, err := fetch(retry.Named(t.Context(), dial.Internet), t, retry.Options{Resolver: resolver}, http.MethodGet, target)
	var refused *dial.Error
	if !errors.As(err, &refused) || refused.Host != "files.example.com" || len(s.seen()) > 0 {
		t.Errorf("error %v, or a request was sent", err)
	}
}

// A connection that was made for what the operator wrote is not one for what a server named.
func TestClient_keepsConnectionsApart(t *testing.T) {
	s := serveInside(t)
	dns := names.New()
	dns.Set("files.example.com", "127.0.0.1")
	client, err := retry.NewClient(retry.Options{Resolver: dns.Resolver(), Policy: fast})
	if err != nil {
		t.Fatal(err)
	}
	target := "http://files.example.com:" + s.port
	for _, c := range []struct {
		ctx  context.Context
		sent bool
	}{
		{t.Context(), true},
		{retry.Named(t.Context(), dial.Internet), false},
		{retry.Named(t.Context(), dial.Loopback), true},
		{retry.Named(t.Context(), dial.Private), false},
	} {
		if _, err := send(c.ctx, t, client, http.MethodGet, target); (err == nil) != c.sent || len(s.seen()) == 1 != c.sent {
			t.Errorf("error %v, want it sent: %v", err, c.sent)
		}
	}
}

func TestNetwork_isWhereTheAnswerCameFrom(t *testing.T) {
	s := serveInside(t)
	dns := names.New()
	dns.Set("mirror.example.com", "127.0.0.1")
	through := func(*http.Request) (retry.Proxy, error) {
		u, err := url.Parse(s.URL)
		return retry.Proxy{URL: u, Setting: "HTTP_PROXY"}, err
	}
	elsewhere := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, strings.TrimPrefix(s.URL, "http://"))
	}
	for _, c := range []struct {
		name, url string
		options   retry.Options
		want      dial.Network
	}{
		{"by its address", s.URL, retry.Options{}, dial.Loopback},
		{"by its name", "http://mirror.example.com:" + s.port, retry.Options{}, dial.Loopback},
		{"after a redirect", s.URL + "/to?http://mirror.example.com:" + s.port, retry.Options{}, dial.Loopback},
		{"by its name, behind a proxy", "http://mirror.example.com", retry.Options{Proxy: through}, dial.Internet},
		{"by its address, behind a proxy", "http://10.0.0.6", retry.Options{Proxy: through}, dial.Private},
		{"by its address, over a tunnel", "http://10.0.0.6", retry.Options{Dial: elsewhere}, dial.Private},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.options.Resolver = dns.Resolver()
			res, err := fetch(t.Context(), t, c.options, http.MethodGet, c.url)
			if err != nil {
				t.Fatal(err)
			}
			if got := retry.Network(res); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// A proxy of the operator's may be anywhere. What is behind it is known by its URL alone.
func TestClient_looksAtTheURLWhereAProxyConnects(t *testing.T) {
	s := serveInside(t)
	o := retry.Options{Proxy: func(*http.Request) (retry.Proxy, error) {
		u, err := url.Parse(s.URL)
		return retry.Proxy{URL: u, Setting: "HTTP_PROXY"}, err
	}}
	for target, want := range map[string]string{
		"http://files.example.com/x":                            "",
		"http://files.example.com/to?http://more.example.com/x": "",
		"http://files.example.com/to?http://10.0.0.6/x":         "refuse to fetch from 10.0.0.6: it is a private address",
		"http://files.example.com/to?http://localhost:8080/x":   "refuse to fetch from localhost: it is at 127.0.0.1, a loopback address",
		"http://169.254.169.254/latest":                         "refuse to fetch from 169.254.169.254",
		"http://user:canary@files.example.com/x":                "refuse the url",
	} {
		_, err := fetch(retry.Named(t.Context(), dial.Internet), t, o, http.MethodGet, target)
		if (err == nil) != (want == "") || err != nil && (!strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "canary")) {
			t.Errorf("%s: error %v, want %q", target, err, want)
		}
		asked := !strings.HasPrefix(target, "http://169") && !strings.Contains(target, "canary")
		if seen := s.seen(); (len(seen) > 0) != asked {
			t.Errorf("%s: the proxy has seen %v", target, seen)
		}
	}
}

func TestClient_wrapsEachOfItsTransports(t *testing.T) {
	s := serveInside(t)
	var wrapped atomic.Int32
	o := retry.Options{Wrap: func(wire *http.Transport) (http.RoundTripper, error) {
		return counted{wire, &wrapped}, nil
	}}
	if _, err := fetch(t.Context(), t, o, http.MethodGet, s.URL+"/to?"+s.URL+"/end"); err != nil {
		t.Fatal(err)
	}
	if wrapped.Load() != 2 {
		t.Errorf("%d requests went through the wrapping, want 2", wrapped.Load())
	}
	o.Wrap = func(*http.Transport) (http.RoundTripper, error) { return nil, errors.New("no wrapping") }
	if _, err := retry.NewClient(o); err == nil {
		t.Error("a client without its wrapping")
	}
}

// counted counts requests.
type counted struct {
	next http.RoundTripper
	n    *atomic.Int32
}

// RoundTrip implements http.RoundTripper.
func (c counted) RoundTrip(req *http.Request) (*http.Response, error) {
	c.n.Add(1)
	return c.next.RoundTrip(req)
}
