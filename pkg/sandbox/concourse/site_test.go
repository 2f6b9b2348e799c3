package concourse_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
)

const yaml = `
resources:
- {name: zebra, type: time, source: {interval: 1m}}
- {name: apple, type: time, source: {interval: 1m}}
jobs:
- {name: upgrade, plan: [{get: zebra}]}
- {name: verify, plan: [{get: apple}]}
`

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// site is a simulated Concourse at a URL.
type site struct {
	*concourse.Server
	t     *testing.T
	url   string
	clock *clock
}

func newSite(t *testing.T, edit ...func(*concourse.Options)) *site {
	t.Helper()
	c := &clock{at: time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)}
	o := concourse.Options{
		ExternalURL: "https://ci.example.com", Now: c.now,
		Users: map[string]string{"admin": "secret", "reader": "secret", "operator": "secret"},
		Teams: map[string]map[string]string{
			"main": {"admin": concourse.Owner}, "dev": {"reader": concourse.Viewer, "operator": concourse.PipelineOperator},
		},
	}
	for _, e := range edit {
		e(&o)
	}
	s := concourse.New(o)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return &site{Server: s, t: t, url: server.URL, clock: c}
}

// response is an answer, read.
type response struct {
	status int
	header http.Header
	body   string
}

func (r response) json(t *testing.T, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.body), into); err != nil {
		t.Fatalf("%v in %q", err, r.body)
	}
}

func (s *site) ask(method, path, token, body string, header ...string) response {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response{res.StatusCode, res.Header, string(text)}
}

// login gives a user's token.
func (s *site) login(user string) string {
	s.t.Helper()
	form := url.Values{"grant_type": {"password"}, "username": {user}, "password": {"secret"}, "scope": {"openid groups"}}
	res := s.grant(form, "Zmx5")
	var token struct {
		Text string `json:"access_token"`
		Type string `json:"token_type"`
		Life int    `json:"expires_in"`
	}
	res.json(s.t, &token)
	if res.status != 200 || token.Type != "bearer" || token.Life != 86400 {
		s.t.Fatalf("login: %+v", res)
	}
	return token.Text
}

func (s *site) grant(form url.Values, secret string) response {
	s.t.Helper()
	req := httptest.NewRequest("POST", "/", nil)
	req.SetBasicAuth("fly", secret)
	return s.ask("POST", "/sky/issuer/token", "", form.Encode(),
		"Content-Type", "application/x-www-form-urlencoded", "Authorization", req.Header.Get("Authorization"))
}
