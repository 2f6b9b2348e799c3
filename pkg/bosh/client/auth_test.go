package client_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/bosh/client"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

func asClient(d *fakeDirector) client.Config {
	config := login(d)
	config.Username, config.Password = "", secret.Value{}
	config.Client, config.ClientSecret = "ci", secret.New(clientSecret)
	return config
}

func basic(user, word string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+word))
}

func TestLogin_isAsTheDirectorWantsIt(t *testing.T) {
	cases := []struct {
		name      string
		uaa       bool
		client    bool
		want      string // at the director
		wantUAA   string // at its UAA
		wantGrant string
	}{
		{"user, basic", false, false, basic("admin", password), "", ""},
		{"client, basic", false, true, basic("ci", clientSecret), "", ""},
		{"user, uaa", true, false, "bearer token-1", basic("bosh_cli", ""), "grant_type=password&password=canary-Pa55word%26x&username=admin"},
		{"client, uaa", true, true, "bearer token-1", basic("ci", clientSecret), "grant_type=client_credentials"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			director := newDirector(t, nil)
			var u *uaa
			if c.uaa {
				director, u = uaaDirector(t, nil)
			}
			director.fallback = text(200, "[]")
			config := login(director)
			if c.client {
				config = asClient(director)
			}
			client := newClient(t, config)
			for range 3 {
				if _, err := client.Locks(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			seen := director.seen()
			if len(seen) != 4 || seen[0].uri != "/info" || seen[0].login != "" {
				t.Fatalf("%d requests, the first %+v: want /info without a login, once", len(seen), seen[0])
			}
			for _, s := range seen[1:] {
				if s.login != c.want {
					t.Errorf("login %q, want %q", s.login, c.want)
				}
			}
			if c.uaa {
				if asked := u.seen(); len(asked) != 1 || asked[0].login != c.wantUAA || asked[0].body != c.wantGrant {
					t.Errorf("the UAA was asked %+v", asked)
				}
			}
		})
	}
}

func TestLogin_isRenewedOnceWhenATokenIsRefused(t *testing.T) {
	director, u := uaaDirector(t, map[string]http.HandlerFunc{"GET /locks": text(200, "[]")})
	client := newClient(t, asClient(director))
	if _, err := client.Locks(t.Context()); err != nil {
		t.Fatal(err)
	}
	u.revoke()
	if _, err := client.Locks(t.Context()); err != nil || u.given.Load() != 2 {
		t.Errorf("%d tokens, error %v", u.given.Load(), err)
	}
	// From here on no token is good.
	director.accept = func(string) bool { return false }
	before := director.count("GET")
	_, err := client.Locks(t.Context())
	var refused *bosh.ResponseError
	if !errors.As(err, &refused) || refused.Status != 401 || u.given.Load() != 3 || director.count("GET")-before != 2 {
		t.Errorf("%d tokens, %d requests, error %v", u.given.Load(), director.count("GET")-before, err)
	}
}

// A token that lacks a scope is good: another one would lack it too.
func TestLogin_isNotRenewedForWantOfAScope(t *testing.T) {
	director, u := uaaDirector(t, map[string]http.HandlerFunc{"POST /releases": text(401, `{"code":600000,"description":"Require one of the scopes: bosh.admin"}`)})
	_, err := newClient(t, asClient(director)).UploadRelease(t.Context(), "perpetual", []byte("x"), "")
	if !errors.Is(err, bosh.ErrForbidden) || u.given.Load() != 1 || director.count("POST") != 1 {
		t.Errorf("%d tokens, %d requests, error %v", u.given.Load(), director.count("POST"), err)
	}
}

// A refused password stays refused; asking again only locks accounts.
func TestLogin_isNotRepeatedWithAPassword(t *testing.T) {
	client, director := connect(t, map[string]http.HandlerFunc{"GET /locks": text(401, "Not authorized: '/locks'\n")})
	if _, err := client.Locks(t.Context()); err == nil || director.count("GET") != 1 {
		t.Errorf("%d requests, error %v", director.count("GET"), err)
	}
}

func TestLogin_asksForOneTokenForManyCallers(t *testing.T) {
	director, u := uaaDirector(t, map[string]http.HandlerFunc{"GET /locks": text(200, "[]")})
	client := newClient(t, asClient(director))
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if _, err := client.Locks(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := u.given.Load(); n != 1 {
		t.Errorf("%d tokens", n)
	}
}

func TestLogin_goesToNoUAAWithoutTLS(t *testing.T) {
	for _, url := range []string{"http://127.0.0.1:8080", "", "uaa", "https://", "https://u:p@127.0.0.1:8443", "ftp://x", "https://%zz"} {
		client, director := connect(t, map[string]http.HandlerFunc{"GET /info": text(200, fmt.Sprintf(uaaInfo, url, url))})
		_, err := client.Locks(t.Context())
		if err == nil || !strings.Contains(err.Error(), "not an https URL") || director.count("GET") != 0 {
			t.Errorf("%q: error %v, requests %v", url, err, director.requests())
		}
	}
}

func TestLogin_saysWhatTheUAAHadAgainstIt(t *testing.T) {
	cases := map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"bad secret": {text(401, `{"error":"unauthorized","error_description":"Bad credentials"}`),
			"get a token from the director's UAA: POST /oauth/token: UAA refused client ci: check client and client_secret, and what the client may do (401, unauthorized Bad credentials)"},
		"out of order": {text(503, ""), "UAA, or a proxy before it, is out of order"},
		"page":         {text(200, "<html>"), "a web page came"},
		"no token":     {text(200, "{}"), "its answer holds none"},
		"null":         {text(200, "null"), "its answer holds none"},
		"cut":          {drop, "reach UAA 127.0.0.1:"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			director, u := uaaDirector(t, nil)
			u.routes["POST /oauth/token"] = c.answer
			_, err := newClient(t, asClient(director)).Locks(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if n := u.count("POST"); n != 1 {
				t.Errorf("the UAA was asked %d times", n)
			}
		})
	}
}
