package retry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/dial"
)

// ProxyTimeout is how long a proxy may take to make the connection that it is asked for.
const ProxyTimeout = 20 * time.Second

// Proxy is a server through which others are reached, and the setting that names it.
// Without a URL there is none.
type Proxy struct {
	URL     *url.URL
	Setting string // HTTPS_PROXY, director.proxy
}

// Direct is an Options.Proxy that knows no proxy.
func Direct(*http.Request) (Proxy, error) { return Proxy{}, nil }

// ProxyError says that a proxy is in the way, by the setting that names it.
type ProxyError struct {
	Setting string // HTTPS_PROXY
	text    string
	err     error
	final   bool // another try would not change it
}

// Error implements error.
func (e *ProxyError) Error() string { return e.text }

// Unwrap implements errors.Unwrap.
func (e *ProxyError) Unwrap() error { return e.err }

// last makes an error of a proxy the last one.
func (e *ProxyError) last() error {
	e.final = true
	return Final(e)
}

// error is about this proxy. The URL is not shown, as it may hold a password.
func (p Proxy) error(err error, format string, args ...any) *ProxyError {
	return &ProxyError{Setting: p.Setting, text: fmt.Sprintf("go through proxy %s (%s): %s", p.URL.Host, p.Setting, fmt.Sprintf(format, args...)), err: err}
}

// login says that the proxy wants to know who is there.
func (p Proxy) login() *ProxyError {
	advice := "give it a user and password, as in http://USER:PASSWORD@" + p.URL.Host
	if p.URL.User != nil {
		advice = "it refuses the user and password that it is given"
	}
	return p.error(nil, "it wants a login (407): %s", advice)
}

// environment is the proxy that the environment has for a request, as net/http reads it.
// What net/http would pass over in silence, because it is not a URL, is an error.
func environment(req *http.Request) (Proxy, error) {
	names := []string{"HTTPS_PROXY", "https_proxy"}
	if req.URL.Scheme != "https" {
		names = []string{"HTTP_PROXY", "http_proxy"}
	}
	p := Proxy{}
	text := ""
	for _, name := range names {
		if text = os.Getenv(name); text != "" {
			p.Setting = name
			break
		}
	}
	var err error
	p.URL, err = http.ProxyFromEnvironment(req)
	if off := os.Getenv("NO_PROXY") == "*" || os.Getenv("no_proxy") == "*" || dial.Local(req.URL.Hostname()); off || text == "" {
		return p, err
	}
	if err != nil || !proxyURL(text) {
		return Proxy{}, malformed(p.Setting)
	}
	return p, nil
}

// known are the schemes of proxies.
var known = map[string]bool{"http": true, "https": true, "socks5": true, "socks5h": true}

// proxyURL says whether text names a proxy; the scheme may be left out. Of what does not,
// net/http makes something else or no proxy at all.
func proxyURL(text string) bool {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	return err == nil && u.Hostname() != "" && known[u.Scheme]
}

// malformed does not show the value, which may hold a password.
func malformed(setting string) error {
	return &ProxyError{Setting: setting, final: true, text: fmt.Sprintf("read the proxy from %s: want http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT", setting)}
}

// through marks, in a context, a request that a proxy takes.
type through struct{}

// proxied sends requests through the proxy that lookup names for them, and says what is
// the proxy's fault.
type proxied struct {
	next   http.RoundTripper
	lookup func(*http.Request) (Proxy, error)
}

// CloseIdleConnections is for http.Client's method of that name.
func (t *proxied) CloseIdleConnections() { closeIdle(t.next) }

// RoundTrip implements http.RoundTripper.
func (t *proxied) RoundTrip(req *http.Request) (*http.Response, error) {
	p, err := t.lookup(req)
	if err != nil || p.URL == nil {
		if err == nil {
			return t.next.RoundTrip(req)
		}
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, Final(err)
	}
	var connected atomic.Bool
	ctx := context.WithValue(req.Context(), through{}, true)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		connected.Store(true)
		_ = info.Conn.SetDeadline(time.Time{}) // see bounded
	}})
	res, err := t.next.RoundTrip(req.WithContext(ctx))
	switch {
	case err == nil && res.StatusCode == http.StatusProxyAuthRequired:
		_ = res.Body.Close()
		return nil, p.login().last()
	case err == nil || connected.Load() || req.Context().Err() != nil:
		return res, err
	}
	return nil, p.explain(err)
}

// explain names the proxy in the error of a connection that it did not make.
func (p Proxy) explain(err error) error {
	var said *refusal
	var op *net.OpError
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return p.error(err, "it says nothing for %s", ProxyTimeout).last()
	case errors.As(err, &said) && said.status == http.StatusProxyAuthRequired:
		return p.login().last()
	case errors.As(err, &said) && said.status < 500:
		return p.error(err, "%v", err).last()
	case errors.As(err, &said):
		return p.error(err, "%v", err)
	case errors.As(err, &op) && (op.Op == "proxyconnect" || op.Op == "socks connect"):
		return p.error(err, "%v", op.Err)
	}
	return err // the server behind it, or its certificate
}

// refusal is a proxy's answer to CONNECT that is not a success.
type refusal struct {
	status int
	target string
}

// Error implements error.
func (r *refusal) Error() string {
	return fmt.Sprintf("it answered %d %s when asked for %s", r.status, http.StatusText(r.status), r.target)
}

// answered looks at a proxy's answer to CONNECT.
func answered(_ context.Context, _ *url.URL, req *http.Request, res *http.Response) error {
	if res.StatusCode == http.StatusOK {
		return nil
	}
	return &refusal{status: res.StatusCode, target: strings.TrimSuffix(req.Host, ":443")}
}

// bounded makes a dial give connections to a proxy that end unless the proxy has made
// its own connection in time: net/http knows no limit for SOCKS.
func bounded(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err == nil && ctx.Value(through{}) != nil {
			err = conn.SetDeadline(time.Now().Add(ProxyTimeout))
		}
		return conn, err
	}
}
