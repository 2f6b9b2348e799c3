package concourse

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"golang.org/x/oauth2"

	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// The identity of the fly CLI, built into every Concourse (skymarshal): the one
// client that may log in with a user name and a password.
const (
	flyID     = "fly"
	flySecret = "Zmx5"
)

// session holds the token of a client. Tokens are opaque, live for 24 h by
// default, and cannot be refreshed.
type session struct {
	turn chan struct{} // held while logging in, so that it happens once
	mu   sync.Mutex
	auth secret.Value // value of the Authorization header: Bearer fWsE…
}

func newSession() *session { return &session{turn: make(chan struct{}, 1)} }

// current is the token, empty before the first login.
func (s *session) current() secret.Value {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.auth
}

func (s *session) set(auth secret.Value) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.auth = auth
}

// token gives the Authorization header, after a login where there is none yet
// or where the present one is the refused one.
func (c *Client) token(ctx context.Context, refused string) (string, error) {
	select {
	case c.session.turn <- struct{}{}:
		defer func() { <-c.session.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if auth := c.session.current(); !auth.Empty() && auth.Reveal() != refused {
		return auth.Reveal(), nil
	}
	auth, err := c.logIn(ctx)
	if err != nil {
		return "", err
	}
	c.session.set(auth)
	return auth.Reveal(), nil
}

// logIn asks for a token with the password grant, as `fly login` does.
func (c *Client) logIn(ctx context.Context) (secret.Value, error) {
	if c.username == "" || c.password.Empty() {
		return secret.Value{}, errors.New("log in: username and password are both needed for this")
	}
	grant := oauth2.Config{
		ClientID: flyID, ClientSecret: flySecret,
		Scopes: []string{"openid", "profile", "email", "federated:id", "groups"},
		// The style is named because finding it out sends a wrong password twice.
		Endpoint: oauth2.Endpoint{TokenURL: c.url + "/sky/issuer/token", AuthStyle: oauth2.AuthStyleInHeader},
	}
	over := &call{ctx: ctx, client: c, pass: func(status int) bool {
		return status == http.StatusBadRequest || status == http.StatusUnauthorized
	}}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: over})
	token, err := grant.PasswordCredentialsToken(ctx, c.username, c.password.Reveal())
	if err != nil {
		return secret.Value{}, c.explainLogin(err)
	}
	return secret.New(token.Type() + " " + token.AccessToken), nil
}

// explainLogin says what a refused login means. A wrong password is a 401 with
// access_denied from Concourse's own connector; other issuers answer 400 with
// invalid_grant.
func (c *Client) explainLogin(err error) error {
	var status *StatusError
	var lost *transportError
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &status):
		return fmt.Errorf("log in as %s: %w", c.username, status)
	case errors.As(err, &lost):
		return lost
	case !errors.As(err, &refused):
		return fmt.Errorf("log in as %s: %s", c.username, c.clean(oneLine(err.Error())))
	}
	switch refused.ErrorCode {
	case "access_denied", "invalid_grant":
		return fmt.Errorf("log in as %s: %w", c.username, ErrLogin)
	}
	if refused.ErrorCode == "" && refused.Response.StatusCode == http.StatusUnauthorized {
		return fmt.Errorf("log in as %s: %w", c.username, ErrLogin)
	}
	text := c.clean(oneLine(refused.ErrorCode + " " + refused.ErrorDescription))
	return fmt.Errorf("log in as %s: Concourse answered %d: %s", c.username, refused.Response.StatusCode, text)
}
