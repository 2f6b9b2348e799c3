package session_test

import (
	"errors"
	"net/http"
	"sync"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/concourse/session"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

func TestLogin_happensOnceForManyRequests(t *testing.T) {
	w := newWorld(t, nil)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if _, err := get(w.Session, w.Client(t.Context(), ""), workers); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if w.logins() != 1 {
		t.Errorf("%d logins, want 1", w.logins())
	}
}

func TestLogin_isRepeatedOnceWhenTheTokenEnds(t *testing.T) {
	w := newWorld(t, nil)
	for range 2 {
		if _, err := get(w.Session, w.Client(t.Context(), ""), workers); err != nil {
			t.Fatal(err)
		}
		w.atc.RevokeTokens()
	}
	if w.logins() != 2 {
		t.Errorf("%d logins, want 2", w.logins())
	}

	refuse := newWorld(t, map[string]http.HandlerFunc{workers: answer(401, "text/plain", "not authorized")})
	_, err := get(refuse.Session, refuse.Client(t.Context(), ""), workers)
	clearly(t, err, "401", "refuses the token")
	if refuse.logins() != 2 {
		t.Errorf("%d logins, want one and one more", refuse.logins())
	}
}

func TestLogin_isForWhatTakesOneAlone(t *testing.T) {
	w := newWorld(t, nil, func(c *session.Config) { c.Username, c.Password = "", secret.Value{} })
	if _, err := get(w.Session, w.Anonymous(t.Context()), info); err != nil {
		t.Error(err)
	}
	for _, r := range w.atc.Requests() {
		if r.Authorized || r.Path != info {
			t.Errorf("request %+v", r)
		}
	}
}

func TestLogin_saysWhyItFails(t *testing.T) {
	const noUsers = `{"error":"invalid_request","error_description":"Requested connector does not exist. ` + canary + `"}`
	as := func(name, password string) func(*session.Config) {
		return func(c *session.Config) { c.Username, c.Password = name, secret.New(password) }
	}
	cases := []struct {
		name   string
		answer http.HandlerFunc
		change func(*session.Config)
		is     error
		want   string
	}{
		{"wrong password", nil, as("admin", "wr0ng-"+canary), session.ErrLogin, "log in as admin: wrong username or password"},
		{"unknown user", nil, as("nobody", canary), session.ErrLogin, "log in as nobody"},
		{"no password", nil, as("admin", ""), nil, "username and password are both needed"},
		{"another issuer's refusal", answer(400, "application/json", `{"error":"invalid_grant"}`), as("admin", canary), session.ErrLogin, "wrong username"},
		{"refusal without a code", answer(401, "text/plain", canary), as("admin", canary), session.ErrLogin, "wrong username"},
		{"no local users", answer(400, "application/json", noUsers), as("admin", canary), nil, "answered 400: invalid_request Requested connector"},
		{"server error", answer(500, "text/plain", "boom "+canary), as("admin", canary), nil, "500"},
		{"no token in the answer", answer(200, "application/json", `{}`), as("admin", canary), nil, "access_token"},
		{"cut answer", answer(200, "application/json", `{"access_token":"`), as("admin", canary), nil, "log in as admin"},
		{"login page", answer(200, "text/html; charset=utf-8", "<html>"), as("admin", canary), nil, "web page"},
		{"cut connection", cut, as("admin", canary), nil, "reach Concourse"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, map[string]http.HandlerFunc{login: c.answer}, c.change)
			_, err := get(w.Session, w.Client(t.Context(), ""), workers)
			clearly(t, err, c.want)
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("error %v is not %v", err, c.is)
			}
			for _, r := range w.atc.Requests() {
				if r.Path == workers {
					t.Errorf("asked without a login: %+v", r)
				}
			}
		})
	}
}
