// Package concourse speaks with the API of a Concourse web node: its version,
// its workers, and the pipelines of one team. It sets a pipeline only when that
// changes something, and never over somebody else's change.
package concourse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	api "github.com/concourse/concourse/go-concourse/concourse"

	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

const (
	// callTimeout bounds one method with all its requests and their retries,
	// for callers whose context has no deadline.
	callTimeout = 3 * time.Minute
	// maxBody bounds an answer. The largest real ones are pipeline configs of
	// a few hundred kilobytes.
	maxBody = 32 << 20
)

// Config says which Concourse and who is asking.
type Config struct {
	URL      string       // external URL of the web node: https://ci.example.com
	Team     string       // default: main
	Username string       // a local user with the role member or owner in Team
	Password secret.Value // that user's password
	CACert   string       // PEM certificates to trust instead of the system's
	// Notify gets warnings about a pipeline and waits between tries,
	// one line each. nil: nobody does.
	Notify func(string)
	Debug  *slog.Logger // gets every exchange; nil: nobody does
	// Retry says how often a GET is repeated; the zero value is retry.Default.
	Retry retry.Policy
}

// Client is a Concourse as one user of one team sees it. It logs in when a call
// first needs that. It may be used by several goroutines.
type Client struct {
	url      string
	team     string
	username string
	password secret.Value
	notify   func(string)
	wire     http.RoundTripper // repeats GETs, follows no redirects
	session  *session
}

// New makes a Client without asking the network. It fails when URL is no
// absolute https URL (or http, to this machine), and with retry.ErrCACert.
func New(c Config) (*Client, error) {
	address, err := parseURL(c.URL)
	if err != nil {
		return nil, err
	}
	client := &Client{
		url: address, team: c.Team, username: c.Username, password: c.Password,
		notify: c.Notify, session: newSession(),
	}
	if client.team == "" {
		client.team = "main"
	}
	if client.notify == nil {
		client.notify = func(string) {}
	}
	web, err := retry.NewClient(retry.Options{
		CACert: c.CACert, Policy: c.Retry, MaxBody: maxBody, Debug: c.Debug,
		Notify: func(err error, wait time.Duration) {
			client.notify(client.clean(fmt.Sprintf("asking Concourse again in %s: %v", wait.Round(time.Millisecond), err)))
		},
	})
	if err != nil {
		return nil, fmt.Errorf("make a client for Concourse: %w", err)
	}
	client.wire = web.Transport
	return client, nil
}

// parseURL checks the address and drops its trailing slash.
func parseURL(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		// The parser's error repeats the text, which may hold a password.
		return "", errors.New("parse the Concourse url: it is malformed; write it like https://ci.example.com")
	case text == "":
		return "", errors.New("parse the Concourse url: it is missing; write it like https://ci.example.com")
	case u.User != nil:
		return "", errors.New("parse the Concourse url: it holds credentials; write them as username and password instead")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return "", fmt.Errorf("parse the Concourse url: %q is not absolute; write it with its scheme, like https://ci.example.com", text)
	case u.Scheme == "http" && !dial.Local(u.Hostname()):
		return "", fmt.Errorf("parse the Concourse url: %q would send the password in clear; write it with https", text)
	case u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("parse the Concourse url: it has a query or a fragment; write only scheme, host and path")
	}
	return strings.TrimRight(text, "/"), nil
}

// Info is what Concourse tells anybody about itself (GET /api/v1/info).
type Info struct {
	Version       string // of the web node: 8.2.5
	WorkerVersion string // of the protocol between web and worker: 2.5
	ExternalURL   string // https://ci.example.com
	ClusterName   string // as the operator named it; often empty
}

// Info asks for the version; it needs no login. It fails with *StatusError, a
// transport error, or the context's error.
func (c *Client) Info(ctx context.Context) (Info, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	info, err := c.api(&call{ctx: ctx, client: c}).GetInfo()
	if err == nil && info.Version == "" {
		err = errors.New("the answer names no version; is this really Concourse?")
	}
	if err != nil {
		return Info{}, c.explain("read the version", err)
	}
	return Info{
		Version: info.Version, WorkerVersion: info.WorkerVersion,
		ExternalURL: info.ExternalURL, ClusterName: info.ClusterName,
	}, nil
}

// api is the library's client over one call's transport.
func (c *Client) api(over *call) api.Client {
	return api.NewClient(c.url, &http.Client{Transport: over}, false)
}
