// Package session is how a request of one user reaches a Concourse web node, and what
// its answer, or the want of one, means: certificates, the login, what is repeated, and
// which answers are errors.
//
// It hands out an http.Client for each method of package concourse: the library behind
// those takes no context, and keeps to itself the types of what goes wrong.
package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// maxBody bounds an answer. The largest real ones are pipeline configs of
// a few hundred kilobytes.
const maxBody = 32 << 20

// Config says which Concourse and who is asking.
type Config struct {
	URL      string       // external URL of the web node: https://ci.example.com
	Username string       // a local user
	Password secret.Value // that user's password
	CACert   string       // PEM certificates to trust instead of the system's
	// Notify gets warnings about a pipeline and waits between tries,
	// one line each. nil: nobody does.
	Notify func(string)
	Debug  *slog.Logger // gets every exchange; nil: nobody does
	// Retry says how often a GET is repeated; the zero value is retry.Default.
	Retry retry.Policy
}

// Session is one user at one Concourse. It logs in when a request first
// needs that. It may be used by several goroutines.
type Session struct {
	url      string
	username string
	password secret.Value
	notify   func(string)
	wire     http.RoundTripper // repeats GETs, follows no redirects

	// The token is opaque, lives for 24 h by default, and cannot be refreshed.
	turn chan struct{} // held while logging in, so that it happens once
	mu   sync.Mutex
	auth secret.Value // value of the Authorization header: Bearer fWsE…
}

// New makes a Session without asking the network. It fails when URL is no
// absolute https URL (or http, to this machine), and with retry.ErrCACert.
func New(c Config) (*Session, error) {
	address, err := parseURL(c.URL)
	if err != nil {
		return nil, err
	}
	s := &Session{
		url: address, username: c.Username, password: c.Password,
		notify: c.Notify, turn: make(chan struct{}, 1),
	}
	if s.notify == nil {
		s.notify = func(string) {}
	}
	web, err := retry.NewClient(retry.Options{
		CACert: c.CACert, Policy: c.Retry, MaxBody: maxBody, Debug: c.Debug,
		Notify: func(err error, wait time.Duration) {
			s.Notify(fmt.Sprintf("asking Concourse again in %s: %v", wait.Round(time.Millisecond), err))
		},
	})
	if err != nil {
		return nil, fmt.Errorf("make a client for Concourse: %w", err)
	}
	s.wire = web.Transport
	return s, nil
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

// URL is the address that all paths of the API are under: https://ci.example.com.
func (s *Session) URL() string { return s.url }

// Client is the HTTP client for the requests of one method, with the login. right is what
// a refusal says that they take, after "user ada may not do this". Answers with a status
// in pass come to the caller, all others that are not a success as *StatusError.
func (s *Session) Client(ctx context.Context, right string, pass ...int) *http.Client {
	return &http.Client{Transport: &call{ctx: ctx, session: s, login: true, right: right, pass: pass}}
}

// Anonymous is Client for what Concourse tells anybody, without the login.
func (s *Session) Anonymous(ctx context.Context) *http.Client {
	return &http.Client{Transport: &call{ctx: ctx, session: s}}
}

// Notify tells people of something, one line, with credentials masked.
func (s *Session) Notify(text string) { s.notify(s.Mask(text)) }

// Mask hides the password and the token in text that others wrote.
func (s *Session) Mask(text string) string {
	var out bytes.Buffer
	_, token, _ := strings.Cut(s.current().Reveal(), " ")
	w := secret.NewWriter(&out, s.password, secret.New(token))
	_, _ = w.Write([]byte(text))
	_ = w.Flush()
	return out.String()
}

// OneLine makes foreign text fit for an error: one line, at most 300 bytes.
func OneLine(text string) string { return retry.OneLine(text, 300) }
