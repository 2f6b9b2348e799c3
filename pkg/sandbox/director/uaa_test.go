package director_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

// token is what a UAA gives.
type token struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Expires int    `json:"expires_in"`
	Error   string `json:"error"`
}

// withUAA is a director that wants tokens of a UAA.
func withUAA(t *testing.T) (*world, *director.UAA, *clock) {
	t.Helper()
	now := &clock{}
	u := &director.UAA{Clients: map[string]string{"ci": "secret"}, Users: map[string]string{"admin": "pw"}, Lifetime: time.Minute, Now: now.Now}
	server := httptest.NewTLSServer(u)
	t.Cleanup(server.Close)
	u.SetURL(server.URL)
	return start(t, director.Options{UAA: u}), u, now
}

// grant asks the UAA that /info names for a token, with the client's credentials in the header or in the form.
func grant(w *world, client, secret string, form url.Values) (int, token) {
	w.t.Helper()
	info := decoded[struct {
		Auth struct {
			Type    string
			Options struct{ URL string }
		} `json:"user_authentication"`
	}](w, w.do("GET", "/info", "", "Authorization", ""))
	same(w.t, "type", info.Auth.Type, "uaa")
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, info.Auth.Options.URL+"/oauth/token", strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if client != "" {
		req.SetBasicAuth(client, secret)
	}
	res, err := w.server.Client().Do(req) // all test servers have one certificate
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var got token
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil {
		w.t.Fatal(err)
	}
	return res.StatusCode, got
}

func clientForm() url.Values { return url.Values{"grant_type": {"client_credentials"}} }

// admits says with which status the director answers for a token.
func admits(w *world, access string) int {
	w.t.Helper()
	return w.do("GET", "/tasks", "", "Authorization", "Bearer "+access).status
}

func TestUAA_givesTokensThatTheDirectorTakes(t *testing.T) {
	t.Parallel()
	w, u, _ := withUAA(t)
	refresh := ""
	for _, c := range []struct {
		name, client, secret string
		form                 url.Values
		user                 string
	}{
		{"client, in the header", "ci", "secret", clientForm(), "ci"},
		{"client, in the form", "", "", url.Values{"grant_type": {"client_credentials"}, "client_id": {"ci"}, "client_secret": {"secret"}}, "ci"},
		{"user", "bosh_cli", "", url.Values{"grant_type": {"password"}, "username": {"admin"}, "password": {"pw"}}, "admin"},
	} {
		status, got := grant(w, c.client, c.secret, c.form)
		same(t, c.name, status, 200)
		same(t, "lifetime", got.Expires, 60)
		info := w.do("GET", "/info", "", "Authorization", "bearer "+got.Access)
		if !strings.Contains(info.body, `"user":"`+c.user+`"`) {
			t.Errorf("%s: info %s", c.name, info.body)
		}
		same(t, c.name+": admitted", admits(w, got.Access), 200)
		refresh = got.Refresh
	}
	_, got := grant(w, "bosh_cli", "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}})
	same(t, "refreshed: admitted", admits(w, got.Access), 200)
	same(t, "grants to clients", u.Grants("client_credentials"), 2)
	same(t, "grants by refresh", u.Grants("refresh_token"), 1)
}

func TestUAA_refusesWrongCredentials(t *testing.T) {
	t.Parallel()
	w, u, _ := withUAA(t)
	for name, c := range map[string]struct {
		secret string
		form   url.Values
		status int
		said   string
	}{
		"wrong secret":   {"no", clientForm(), 401, "unauthorized"},
		"wrong password": {"", url.Values{"grant_type": {"password"}, "username": {"admin"}, "password": {"no"}}, 401, "unauthorized"},
		"wrong refresh":  {"", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"no"}}, 401, "invalid_token"},
		"unknown grant":  {"secret", url.Values{"grant_type": {"implicit"}}, 400, "unsupported_grant_type"},
	} {
		status, got := grant(w, "ci", c.secret, c.form)
		same(t, name, status, c.status)
		same(t, name, got.Error, c.said)
		same(t, name, got.Access, "")
	}
	same(t, "grants", u.Grants("client_credentials")+u.Grants("password")+u.Grants("refresh_token"), 0)
}

func TestUAA_tokensEndByExpiryAndByRevocation(t *testing.T) {
	t.Parallel()
	w, u, now := withUAA(t)
	_, first := grant(w, "ci", "secret", clientForm())
	same(t, "fresh", admits(w, first.Access), 200)
	now.Advance(2 * time.Minute)
	same(t, "expired", admits(w, first.Access), 401)
	_, second := grant(w, "ci", "secret", clientForm())
	same(t, "new", admits(w, second.Access), 200)
	u.Revoke()
	same(t, "revoked", admits(w, second.Access), 401)
	_, third := grant(w, "ci", "secret", clientForm())
	same(t, "newest", admits(w, third.Access), 200)
}

func TestUAA_directorRefusesEverythingButItsTokens(t *testing.T) {
	t.Parallel()
	w, _, _ := withUAA(t)
	_, got := grant(w, "ci", "secret", clientForm())
	for name, header := range map[string]string{
		"nothing": "", "basic auth": "Basic dGVzdDp0ZXN0", "a token that was changed": "Bearer " + got.Access + "x", "no token": "Bearer x.y.z",
	} {
		r := w.do("POST", "/deployments", manifestOf("dep1", 1, "hello"), "Content-Type", "text/yaml", "Authorization", header)
		same(t, name, r.status, 401)
	}
	same(t, "deploys", w.Count(director.EffectDeploy, ""), 0)
}
