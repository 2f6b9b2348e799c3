package transport

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"

	"github.com/cloudfoundry/bosh-cli/v7/uaa"

	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// passwordClient is the UAA client for people, without a secret, that every
// director's UAA has for the bosh CLI.
const passwordClient = "bosh_cli"

// errUAA says that the login may not be sent where the director says.
var errUAA = errors.New("the URL that the director names for its UAA is not an https URL: correct the director's configuration")

// loginError is a failed login: the request that needed it was not sent.
type loginError struct{ err error }

// Error implements error.
func (e *loginError) Error() string { return e.err.Error() }

// Unwrap implements errors.Unwrap.
func (e *loginError) Unwrap() error { return e.err }

// authenticator knows who is calling and what proves it: a basic header, or a
// token of the UAA that the director names in /info.
type authenticator struct {
	wire   *Transport
	user   bool // Username and Password, not Client and ClientSecret
	id     string
	secret secret.Value

	turn chan struct{} // held by the one that asks for the kind or for a token
	mu   sync.Mutex    // guards the rest
	uaa  string        // the UAA's URL; "" for a director with users of its own
	kind string        // "basic", "uaa"; "" until the director was asked
	head secret.Value  // the current Authorization header
}

// newAuthenticator takes the login from a checked configuration.
func newAuthenticator(t *Transport, config Config) *authenticator {
	a := &authenticator{wire: t, turn: make(chan struct{}, 1), id: config.Client, secret: config.ClientSecret}
	if config.Username != "" {
		a.user, a.id, a.secret = true, config.Username, config.Password
	}
	return a
}

// checkLogin wants exactly one whole way to authenticate.
func checkLogin(config Config) error {
	user := config.Username != "" || !config.Password.Empty()
	client := config.Client != "" || !config.ClientSecret.Empty()
	switch {
	case user && client:
		return errors.New("check director login: give either username and password, or client and client_secret, not both")
	case !user && !client:
		return errors.New("check director login: give username and password, or client and client_secret")
	case user && config.Username == "":
		return errors.New("check director login: password without username")
	case user && config.Password.Empty():
		return errors.New("check director login: username without password")
	case client && config.Client == "":
		return errors.New("check director login: client_secret without client")
	case client && config.ClientSecret.Empty():
		return errors.New("check director login: client without client_secret")
	}
	return nil
}

// name says who is calling: "user admin".
func (a *authenticator) name() string {
	if a.user {
		return "user " + a.id
	}
	return "client " + a.id
}

// who is name and the settings to check.
func (a *authenticator) who() string {
	if a.user {
		return a.name() + ": check username and password, and what the user may do"
	}
	return a.name() + ": check client and client_secret, and what the client may do"
}

// current is the header in use.
func (a *authenticator) current() secret.Value {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.head
}

// renewable says whether another token may help where one was refused.
func (a *authenticator) renewable() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.kind == "uaa"
}

// header returns an Authorization header other than stale, and asks the director
// for its way of authentication and its UAA for a token as needed. Several
// callers at once cause one token request.
func (a *authenticator) header(ctx context.Context, stale secret.Value) (secret.Value, error) {
	if head := a.current(); !head.Empty() && head != stale {
		return head, nil
	}
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return secret.Value{}, fmt.Errorf("wait for a login at the director: %w", ctx.Err())
	}
	if head := a.current(); !head.Empty() && head != stale {
		return head, nil
	}
	if err := a.ask(ctx); err != nil {
		return secret.Value{}, err
	}
	head := secret.New("Basic " + base64.StdEncoding.EncodeToString([]byte(a.id+":"+a.secret.Reveal())))
	if a.renewable() {
		token, err := a.token(ctx)
		if err != nil {
			return secret.Value{}, err
		}
		head = token
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.head = head
	return head, nil
}

// ask learns from /info, which needs no login, how this director authenticates.
func (a *authenticator) ask(ctx context.Context) error {
	a.mu.Lock()
	known := a.kind != ""
	a.mu.Unlock()
	if known {
		return nil
	}
	k := a.wire.Call(ctx)
	k.anonymous = true
	answer, err := k.Director().Info()
	if err := k.Explain(err); err != nil {
		return fmt.Errorf("ask the director how to log in: %w", err)
	}
	info, err := newInfo(answer)
	if err != nil {
		return err
	}
	if info.AuthType == "uaa" {
		if err := checkUAA(info.UAAURL); err != nil {
			return err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.kind, a.uaa = "basic", ""
	if info.AuthType == "uaa" {
		a.kind, a.uaa = "uaa", strings.TrimRight(info.UAAURL, "/")
	}
	return nil
}

// checkUAA wants an https URL: the secret goes there.
func checkUAA(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return fmt.Errorf("log in at the director's UAA: %w", errUAA)
	}
	return nil
}

// token asks the UAA for a token with the grant that fits the login.
func (a *authenticator) token(ctx context.Context) (secret.Value, error) {
	k := a.wire.Call(ctx)
	k.anonymous = true
	wire := k.http()
	var resp uaa.TokenResp
	var err error
	if a.user {
		answers := []uaa.PromptAnswer{{Key: "username", Value: a.id}, {Key: "password", Value: a.secret.Reveal()}}
		resp, err = uaa.NewClient(a.uaa, passwordClient, "", wire, a.wire.log).OwnerPasswordCredentialsGrant(answers)
	} else {
		resp, err = uaa.NewClient(a.uaa, a.id, a.secret.Reveal(), wire, a.wire.log).ClientCredentialsGrant()
	}
	if err := k.Explain(err); err != nil {
		return secret.Value{}, fmt.Errorf("get a token from the director's UAA: %w", err)
	}
	if resp.AccessToken == "" || resp.Type == "" {
		return secret.Value{}, errors.New("get a token from the director's UAA: its answer holds none")
	}
	return secret.New(resp.Type + " " + resp.AccessToken), nil
}

// mask hides the login, in its encoded forms too, in text that others wrote.
func (a *authenticator) mask(text string) string {
	var out strings.Builder
	values := []secret.Value{a.secret}
	if head := a.current(); !head.Empty() {
		_, token, _ := strings.Cut(head.Reveal(), " ")
		values = append(values, head, secret.New(token))
	}
	w := secret.NewWriter(&out, values...)
	_, _ = w.Write([]byte(text))
	_ = w.Flush()
	return out.String()
}
