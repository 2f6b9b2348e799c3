package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"golang.org/x/oauth2"

	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// The identity of the fly CLI, built into every Concourse (skymarshal): the one
// client that may log in with a user name and a password.
const (
	flyID     = "fly"
	flySecret = "Zmx5"
)

// current is the token, empty before the first login.
func (s *Session) current() secret.Value {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.auth
}

func (s *Session) set(auth secret.Value) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.auth = auth
}

// token gives the Authorization header, after a login where there is none yet
// or where the present one is the refused one.
func (s *Session) token(ctx context.Context, refused string) (string, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if auth := s.current(); !auth.Empty() && auth.Reveal() != refused {
		return auth.Reveal(), nil
	}
	auth, err := s.logIn(ctx)
	if err != nil {
		return "", err
	}
	s.set(auth)
	return auth.Reveal(), nil
}

// logIn asks for a token with the password grant, as `fly login` does.
func (s *Session) logIn(ctx context.Context) (secret.Value, error) {
	if s.username == "" || s.password.Empty() {
		return secret.Value{}, errors.New("log in: username and password are both needed for this")
	}
	grant := oauth2.Config{
		ClientID: flyID, ClientSecret: flySecret,
		Scopes: []string{"openid", "profile", "email", "federated:id", "groups"},
		// The style is named because finding it out sends a wrong password twice.
		Endpoint: oauth2.Endpoint{TokenURL: s.url + "/sky/issuer/token", AuthStyle: oauth2.AuthStyleInHeader},
	}
	over := &call{ctx: ctx, session: s, pass: []int{http.StatusBadRequest, http.StatusUnauthorized}}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: over})
	token, err := grant.PasswordCredentialsToken(ctx, s.username, s.password.Reveal())
	if err != nil {
		return secret.Value{}, s.explainLogin(err)
	}
	return secret.New(token.Type() + " " + token.AccessToken), nil
}

// explainLogin says what a refused login means. A wrong password is a 401 with
// access_denied from Concourse's own connector; other issuers answer 400 with
// invalid_grant.
func (s *Session) explainLogin(err error) error {
	var status *StatusError
	var lost *lostError
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &status):
		return fmt.Errorf("log in as %s: %w", s.username, status)
	case errors.As(err, &lost):
		return lost
	case !errors.As(err, &refused):
		return fmt.Errorf("log in as %s: %s", s.username, s.Mask(OneLine(err.Error())))
	}
	switch refused.ErrorCode {
	case "access_denied", "invalid_grant":
		return fmt.Errorf("log in as %s: %w", s.username, ErrLogin)
	}
	if refused.ErrorCode == "" && refused.Response.StatusCode == http.StatusUnauthorized {
		return fmt.Errorf("log in as %s: %w", s.username, ErrLogin)
	}
	text := s.Mask(OneLine(refused.ErrorCode + " " + refused.ErrorDescription))
	return fmt.Errorf("log in as %s: Concourse answered %d: %s", s.username, refused.Response.StatusCode, text)
}
