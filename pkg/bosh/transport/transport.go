// Package transport is how a request reaches a BOSH director, and what its answer, or
// the want of one, means: certificates, the login, what is repeated and what never is, the
// redirect to a task.
//
// The wire formats, the paths and the UAA grants are those of bosh-cli's
// packages director and uaa. Their clients are not used as they come, for three
// reasons, each held by a test in trap_test.go of package client: the library repeats any request
// whose reply is lost, deploys included; its waits know no context and end with
// a short outage; and its errors are text that errors.Is cannot look into. So
// every call gives the library an HTTP client of this package (see Call), which
// binds the call's context, authenticates, repeats nothing but GET and HEAD and,
// because that changes nothing more, comparisons and configs, follows no redirect and keeps
// the true error. Requests that start a task are sent beside the library, because it cannot
// leave a redirect to the task unfollowed (see Submission).
package transport

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	boshlog "github.com/cloudfoundry/bosh-utils/logger"

	"github.com/perpetual-ci/perpetual/pkg/bosh/proxy"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

const (
	// maxBody bounds an answer in memory; manifests and event logs of big
	// deployments have a few MiB.
	maxBody = 64 << 20
	// uploadTimeout is the wait for an answer after the last byte of an upload:
	// the director's nginx first writes the whole file to its disk.
	uploadTimeout = 10 * time.Minute
	// writeTimeout is the wait for an answer to any other request that may change
	// something: a busy director takes its time to compare a large manifest, and
	// whoever gives up on a deploy cannot know whether it was accepted.
	writeTimeout = 5 * time.Minute
)

// Config says which director to speak with, and as whom: either Username and
// Password, or Client and ClientSecret. Both work with a director that has a
// UAA and with one that knows its users itself.
type Config struct {
	URL    string // "https://10.0.0.6:25555"; the port may be left out
	CACert string // PEM; for the director and its UAA; default: the system's

	Username     string       // "admin"
	Password     secret.Value // of Username
	Client       string       // "ci", a UAA client
	ClientSecret secret.Value // of Client

	Proxy        string       // "socks5://10.0.0.5:1080" or "ssh+socks5://jumpbox@10.0.0.5:22?private-key=/path"
	ProxyKey     secret.Value // the private key itself, in place of ?private-key=
	ProxyHostKey string       // the fingerprint of the jumpbox's key, "SHA256:…", or "any", in place of ?host-key=

	Notify      func(string)  // is told of retries and outages, one line each
	Debug       *slog.Logger  // gets every exchange; nil: none is logged
	Retry       retry.Policy  // for GET, HEAD, comparisons and configs; default: retry.Default
	ReadTimeout time.Duration // the wait for the answer to a GET or HEAD, each try; default: 30 s
}

// Transport reaches one director. It may be used from several goroutines.
type Transport struct {
	endpoint string       // "https://10.0.0.6:25555"
	host     string       // "10.0.0.6:25555"
	trusted  string       // which certificates were trusted, for errors
	wire     *http.Client // for GET and HEAD, and for the UAA
	writes   *http.Client // for all other methods
	uploads  *http.Client // for files
	route    *proxy.Route
	auth     *authenticator
	notify   func(string)
	log      boshlog.Logger
}

// New checks a configuration; it does not touch the network. Its errors name the
// setting that is wrong.
func New(config Config) (*Transport, error) {
	endpoint, err := parseEndpoint(config.URL)
	if err != nil {
		return nil, err
	}
	if err := checkLogin(config); err != nil {
		return nil, err
	}
	route, err := proxy.New(config.Proxy, config.ProxyKey, config.ProxyHostKey)
	if err != nil {
		return nil, err
	}
	t := &Transport{
		endpoint: endpoint.String(), host: endpoint.Host,
		trusted: "the system's certificates, because no ca_cert is given",
		route:   route, notify: config.Notify,
		log: boshlog.NewWriterLogger(boshlog.LevelNone, io.Discard),
	}
	if config.CACert != "" {
		t.trusted = "the ca_cert given"
	}
	if t.notify == nil {
		t.notify = func(string) {}
	}
	t.auth = newAuthenticator(t, config)
	if t.wire, err = t.newHTTP(config, config.ReadTimeout); err != nil {
		return nil, err
	}
	if t.writes, err = t.newHTTP(config, writeTimeout); err != nil {
		return nil, err
	}
	t.uploads, err = t.newHTTP(config, uploadTimeout)
	return t, err
}

// Close ends idle connections and the one to a jumpbox.
func (t *Transport) Close() error {
	t.wire.CloseIdleConnections()
	t.writes.CloseIdleConnections()
	t.uploads.CloseIdleConnections()
	return t.route.Close()
}

// Notify tells people of what happens on the way, one line.
func (t *Transport) Notify(text string) { t.notify(text) }

// via is the client that waits as long as the director may take for a method.
func (t *Transport) via(method string) *http.Client {
	if method == http.MethodGet || method == http.MethodHead {
		return t.wire
	}
	return t.writes
}

// newHTTP makes the client on which everything rests. Redirects are answers
// here: a followed one would send credentials where Location says, and would
// hide the task id.
func (t *Transport) newHTTP(config Config, headerTimeout time.Duration) (*http.Client, error) {
	client, err := retry.NewClient(retry.Options{
		CACert: config.CACert, Policy: config.Retry, MaxBody: maxBody,
		HeaderTimeout: headerTimeout, Proxy: t.route.Lookup(), Dial: t.route.Dial(), Debug: config.Debug,
		Notify: func(err error, wait time.Duration) {
			t.notify(t.auth.mask(fmt.Sprintf("director: %v; next try in %s", bare(err), wait.Round(time.Millisecond))))
		},
	})
	if err != nil {
		return nil, fmt.Errorf("check director: %w", err)
	}
	client.CheckRedirect = retry.NoRedirect
	return client, nil
}

// parseEndpoint checks the director's URL and adds the port that directors use.
func parseEndpoint(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return nil, fmt.Errorf("check director url: it is empty")
	case err != nil || u.Scheme == "" || u.Host == "":
		return nil, fmt.Errorf("check director url: give it with scheme and host, as https://10.0.0.6:25555")
	case u.User != nil:
		return nil, fmt.Errorf("check director url: it contains credentials: give them as username and password, or client and client_secret")
	case u.Scheme != "https":
		return nil, fmt.Errorf("check director url %s: a director speaks https, not %s", u.Redacted(), u.Scheme)
	case u.Hostname() == "":
		return nil, fmt.Errorf("check director url %s: it has no host", u.Redacted())
	case (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("check director url %s: give scheme, host and port alone", u.Redacted())
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), "25555")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}
