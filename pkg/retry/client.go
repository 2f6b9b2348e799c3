// Package retry builds HTTP clients that repeat what is safe to repeat, a
// bounded number of times, and nothing else.
package retry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"
)

// Policy says how often and how patiently a request is repeated.
type Policy struct {
	Attempts uint          // all tries together; 1 never repeats
	First    time.Duration // wait before the second try, doubled for each further one
	Max      time.Duration // longest wait between two tries of its own; a server's Retry-After may be longer
}

// longestAsked is the longest Retry-After that is honoured where the context has
// no deadline; otherwise the deadline decides.
const longestAsked = 2 * time.Minute

// Default suits APIs that people wait for: four tries, at most 15 s apart unless
// the server asks for more.
var Default = Policy{Attempts: 4, First: 500 * time.Millisecond, Max: 15 * time.Second}

// UserAgent is what a client calls itself where the request does not say it.
const UserAgent = "perpetual (+https://github.com/perpetual-ci/perpetual)"

// Never is the policy for requests that must not be sent twice.
var Never = Policy{Attempts: 1}

// repeatable marks a context.
type repeatable struct{}

// Repeatable marks requests that may be repeated whatever their method, because the
// repetition changes nothing more: a comparison, or a write that says what it replaces.
// Their body must be one that can be read again.
func Repeatable(ctx context.Context) context.Context {
	return context.WithValue(ctx, repeatable{}, true)
}

// Options describe one upstream. The zero value of a field is its default.
type Options struct {
	CACert string // PEM certificates to trust instead of the system's
	Policy Policy // default: Default
	// MaxBody is the size to which a response is read into memory before the
	// client returns, so that a connection cut in the body is retried too.
	// 0 leaves the body to the caller (downloads).
	MaxBody int64
	// HeaderTimeout bounds the wait for a response's header; default 30 s.
	HeaderTimeout time.Duration
	// Notify gets every wait, for the build log.
	Notify func(err error, wait time.Duration)
	// Debug gets every exchange and every wait; nil: none is logged.
	Debug *slog.Logger
	// Proxy says through which server a request goes; default: the environment says it.
	Proxy func(*http.Request) (Proxy, error)
	// Dial makes the connections; default: from here.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Resolver finds the addresses of hosts; default: the system's. Dial has its own.
	Resolver *net.Resolver
	// Wrap, if set, goes between the retries and the wire, such as authentication. It is
	// called for each of the transports that the client needs.
	Wrap func(*http.Transport) (http.RoundTripper, error)
}

// ErrCACert says that a CA certificate holds no PEM certificate.
var ErrCACert = errors.New("parse ca_cert: no certificate in PEM form found in it")

// NewClient makes a client for one upstream: TLS 1.2 or later, verified, with
// timeouts for each phase. A deadline for the whole exchange comes from the
// request's context. It follows no redirect, and no URL that is Named, to an address
// that the server which gave it may not name. It fails with ErrCACert.
func NewClient(o Options) (*http.Client, error) {
	if o.Proxy == nil {
		o.Proxy = environment
	}
	if o.Policy.Attempts == 0 {
		o.Policy = Default
	}
	wire, err := newWires(o)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: &roundTripper{wire: wire, policy: o.Policy, maxBody: o.MaxBody, notify: o.Notify, debug: o.Debug}}, nil
}

// control looks at the address of a connection that is about to be made.
type control func(ctx context.Context, network, address string, conn syscall.RawConn) error

// newWire is a transport with what goes around it.
func newWire(o Options, c control) (http.RoundTripper, error) {
	transport, err := newTransport(o, c)
	if err != nil {
		return nil, err
	}
	var wire http.RoundTripper = transport
	if o.Wrap != nil {
		if wire, err = o.Wrap(transport); err != nil {
			return nil, err
		}
	}
	return &proxied{next: wire, lookup: o.Proxy}, nil
}

// newTransport is a transport of its own: the default one is never changed.
func newTransport(o Options, c control) (*http.Transport, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CACert != "" {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM([]byte(o.CACert)) {
			return nil, ErrCACert
		}
		config.RootCAs = pool
	}
	if o.HeaderTimeout == 0 {
		o.HeaderTimeout = 30 * time.Second
	}
	if o.Dial == nil {
		o.Dial = dialer(o.Resolver, c)
	}
	return &http.Transport{
		Proxy: func(req *http.Request) (*url.URL, error) {
			p, err := o.Proxy(req)
			return p.URL, err
		},
		OnProxyConnectResponse: answered,
		DialContext:            bounded(o.Dial),
		ForceAttemptHTTP2:      true,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  o.HeaderTimeout,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConnsPerHost:    8,
	}, nil
}

// dialer makes connections from here. A proxy's address is the operator's, and what it
// connects to is not seen.
func dialer(resolver *net.Resolver, c control) func(context.Context, string, string) (net.Conn, error) {
	d := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second, Resolver: resolver}
	if c != nil {
		d.ControlContext = func(ctx context.Context, network, address string, conn syscall.RawConn) error {
			if ctx.Value(through{}) != nil {
				return nil
			}
			return c(ctx, network, address, conn)
		}
	}
	return d.DialContext
}
