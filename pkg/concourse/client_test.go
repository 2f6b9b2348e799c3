package concourse_test

import (
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

func TestNew_refusesWhatCannotWork(t *testing.T) {
	cases := []struct{ name, url, want string }{
		{"nothing", "", "missing"},
		{"no scheme", "ci.example.com", "not absolute"},
		{"only a port", "localhost:8080", "not absolute"},
		{"another scheme", "ftp://ci.example.com", "not absolute"},
		{"no host", "https://", "not absolute"},
		{"credentials", "https://admin:" + canary + "@ci.example.com", "credentials"},
		{"credentials in what is malformed", "https://admin:" + canary + "@ci example.com/%zz", "malformed"},
		{"a password over http", "http://ci.example.com", "in clear"},
		{"a password over http to an address", "http://10.0.0.7:8080", "in clear"},
		{"query", "https://ci.example.com/?a=b", "query"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := concourse.New(concourse.Config{URL: c.url})
			clearly(t, err, c.want)
		})
	}
	_, err := concourse.New(concourse.Config{URL: "https://ci.example.com", CACert: "no pem"})
	if !errors.Is(err, retry.ErrCACert) {
		t.Errorf("error = %v, want ErrCACert", err)
	}
}

func TestInfo_needsNoLogin(t *testing.T) {
	w := newWorld(t, nil, func(c *concourse.Config) { c.Username, c.Password = "", secret.Value{} })
	info, err := w.client.Info(t.Context())
	want := concourse.Info{Version: "8.2.5", WorkerVersion: "2.5", ExternalURL: "https://ci.example.com", ClusterName: "test"}
	if err != nil || info != want {
		t.Errorf("Info = %+v, %v", info, err)
	}
	for _, r := range w.atc.Requests() {
		if r.Authorized || r.Path != "/api/v1/info" {
			t.Errorf("request %+v", r)
		}
	}
}

func TestWorkers_tellsStateAndVersion(t *testing.T) {
	w := newWorld(t, nil)
	w.atc.RegisterWorker("one", "")
	w.atc.RegisterWorker("two", "2.4")
	if err := w.atc.LandWorker("two"); err != nil {
		t.Fatal(err)
	}
	workers, err := w.client.Workers(t.Context())
	if err != nil || len(workers) != 2 {
		t.Fatalf("Workers = %+v, %v", workers, err)
	}
	if one := workers[0]; one.Name != "one" || one.State != "running" || one.Version != "2.5" || one.Platform != "linux" ||
		time.Since(one.StartTime) > time.Hour {
		t.Errorf("worker %+v", one)
	}
	if two := workers[1]; two.State != "landed" || two.Version != "2.4" {
		t.Errorf("worker %+v", two)
	}
}

func TestLogin_happensOnceForManyCalls(t *testing.T) {
	w := newWorld(t, nil)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if _, err := w.client.Workers(t.Context()); err != nil {
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
		if _, err := w.client.Workers(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.atc.RevokeTokens()
	}
	if w.logins() != 2 {
		t.Errorf("%d logins, want 2", w.logins())
	}

	refuse := newWorld(t, answer("/api/v1/workers", 401, "text/plain", "not authorized"))
	_, err := refuse.client.Workers(t.Context())
	clearly(t, err, "list the workers", "401", "refuses the token")
	if refuse.logins() != 2 {
		t.Errorf("%d logins, want one and one more", refuse.logins())
	}
}

func TestLogin_saysWhyItFails(t *testing.T) {
	const path = "/sky/issuer/token"
	user := func(name, password string) func(*concourse.Config) {
		return func(c *concourse.Config) { c.Username, c.Password = name, secret.New(password) }
	}
	cases := []struct {
		name   string
		wrap   func(http.Handler) http.Handler
		change func(*concourse.Config)
		is     error
		want   string
	}{
		{"wrong password", nil, user("admin", "wr0ng-"+canary), concourse.ErrLogin, "log in as admin: wrong username or password"},
		{"unknown user", nil, user("nobody", canary), concourse.ErrLogin, "log in as nobody"},
		{"no password", nil, user("admin", ""), nil, "username and password are both needed"},
		{"another issuer's refusal", answer(path, 400, "application/json", `{"error":"invalid_grant"}`), user("admin", canary), concourse.ErrLogin, "wrong username"},
		{"refusal without a code", answer(path, 401, "text/plain", canary), user("admin", canary), concourse.ErrLogin, "wrong username"},
		{"no local users", answer(path, 400, "application/json", `{"error":"invalid_request","error_description":"Requested connector does not exist. `+canary+`"}`),
			user("admin", canary), nil, "answered 400: invalid_request Requested connector"},
		{"server error", answer(path, 500, "text/plain", "boom "+canary), user("admin", canary), nil, "500"},
		{"no token in the answer", answer(path, 200, "application/json", `{}`), user("admin", canary), nil, "access_token"},
		{"cut answer", answer(path, 200, "application/json", `{"access_token":"`), user("admin", canary), nil, "log in as admin"},
		{"login page", answer(path, 200, "text/html; charset=utf-8", "<html>"), user("admin", canary), nil, "web page"},
		{"cut connection", cut(path), user("admin", canary), nil, "reach Concourse"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.wrap, c.change)
			_, err := w.client.Workers(t.Context())
			clearly(t, err, c.want)
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("error %v is not %v", err, c.is)
			}
			if n := len(w.requests("GET")); n != 0 {
				t.Errorf("%d requests without a login", n)
			}
		})
	}
}
