package client_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/bosh/client"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/vacant"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

func TestErrors_sayWhatHappenedAndWhatToDo(t *testing.T) {
	retryAfter := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "600")
		text(429, "slow down")(w, r)
	}
	cases := []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"401", recorded(t, "74-tasks-badpass")[0].play,
			"GET /locks: director refused user admin: check username and password, and what the user may do (401, Not authorized: '/tasks')"},
		{"401 for want of a scope", text(401, `{"code":600000,"description":"Require one of the scopes: bosh.admin"}`),
			"GET /locks: director does not let user admin do this (401, code 600000, Require one of the scopes: bosh.admin)"},
		{"403", text(403, ""), "GET /locks: director does not let user admin do this (403)"},
		{"404 of the director", text(404, `{"code":70000,"description":"Deployment 'nodep' doesn't exist"}`),
			"GET /locks: director: Deployment 'nodep' doesn't exist (404, code 70000)"},
		{"404 of something else", text(404, "<html>nothing here</html>"),
			"GET /locks: director answered with an error: check that url is the director's own (404)"},
		{"429", retryAfter, "GET /locks: director gets too many requests: try again in 10m0s (429, slow down)"},
		{"429 without a time", text(429, ""), "GET /locks: director gets too many requests: try again later (429)"},
		{"503 that says until when", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "3600")
			text(503, "")(w, r)
		}, "GET /locks: director, or a proxy before it, is out of order: try again in 1h0m0s (503)"},
		{"500", text(500, ""), "GET /locks: director, or a proxy before it, is out of order: try again later (500)"},
		{"502 page", text(502, "<!DOCTYPE html><h1>Bad\nGateway"), "GET /locks: director, or a proxy before it, is out of order: try again later (502)"},
		{"page with status 200", text(200, "\n <html><body>Log in</body></html>"), "GET /locks: a web page came in place of the director's answer: " +
			"check that url is the director's own, not a proxy's or a login page (200)"},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://sso.example.com", http.StatusFound)
		},
			"GET /locks: director points elsewhere: check that url is the director's own (302)"},
		{"no json", text(200, "ok"), "GET /locks: read the answer: invalid character 'o' looking for beginning of value"},
		{"json cut short", text(200, `[{"type":"depl`), "GET /locks: read the answer: unexpected end of JSON input"},
		{"json of another shape", text(200, `{"type":"deployment"}`), "GET /locks: read the answer: json: cannot unmarshal object into Go value of type []director.LockResp"},
		{"several lines", text(400, "one\n  two\tthree\n"), "GET /locks: director: one two three (400)"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			client, _ := connect(t, map[string]http.HandlerFunc{"GET /locks": c.answer})
			_, err := client.Locks(t.Context())
			if err == nil || err.Error() != c.want {
				t.Errorf("error %q,\nwant  %q", fmt.Sprint(err), c.want)
			}
		})
	}
}

func TestErrors_tellMissingRightsFromAWrongLogin(t *testing.T) {
	for name, c := range map[string]struct {
		answer    http.HandlerFunc
		forbidden bool
	}{
		"wrong password": {recorded(t, "74-tasks-badpass")[0].play, false},
		"lacks a scope":  {text(401, `{"code":600000,"description":"Require one of the scopes: bosh.admin, bosh.releases.upload"}`), true},
		"403":            {text(403, ""), true},
		"404":            {text(404, `{"code":600000,"description":"x"}`), false},
	} {
		client, _ := connect(t, map[string]http.HandlerFunc{"POST /releases": c.answer})
		_, err := client.UploadRelease(t.Context(), "perpetual", []byte("x"), "")
		if err == nil || errors.Is(err, bosh.ErrForbidden) != c.forbidden {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestErrors_areBounded(t *testing.T) {
	client, _ := connect(t, map[string]http.HandlerFunc{"GET /locks": text(400, strings.Repeat("é", 100_000))})
	if _, err := client.Locks(t.Context()); err == nil || len(err.Error()) > 1000 {
		t.Errorf("an error of %d bytes", len(fmt.Sprint(err)))
	}
}

func TestErrors_ofTheConnectionSayWhatWasTrusted(t *testing.T) {
	strange := login(newDirector(t, nil))
	strange.CACert = strangeCA(t)
	system := login(newDirector(t, nil))
	system.CACert = ""
	named := login(newDirector(t, nil))
	named.URL = strings.Replace(named.URL, "127.0.0.1", "localhost", 1)
	gone := login(newDirector(t, nil))
	gone.URL = "https://" + vacant.Address(t)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	noTLS := login(newDirector(t, nil))
	noTLS.URL = strings.Replace(plain.URL, "http:", "https:", 1)

	for name, c := range map[string]struct {
		config client.Config
		want   []string
	}{
		"wrong ca_cert":    {strange, []string{"trust director 127.0.0.1:", "unknown authority", "checked against the ca_cert given"}},
		"no ca_cert":       {system, []string{"trust director", "no ca_cert is given"}},
		"another name":     {named, []string{"trust director localhost:", "not localhost"}},
		"nothing listens":  {gone, []string{"reach director 127.0.0.1:", "connection refused", "check the url"}},
		"plain http there": {noTLS, []string{"reach director", "HTTP response to HTTPS client"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newClient(t, c.config).Locks(t.Context())
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want one with %q", err, want)
				}
			}
			if err != nil && strings.ContainsAny(err.Error(), "\n") {
				t.Errorf("more than a line: %v", err)
			}
		})
	}
	var certificate *tls.CertificateVerificationError
	if _, err := newClient(t, strange).Locks(t.Context()); !errors.As(err, &certificate) {
		t.Errorf("the cause is lost in %v", err)
	}
}

func TestErrors_keepTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	client, _ := connect(t, map[string]http.HandlerFunc{"GET /locks": func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
		panic(http.ErrAbortHandler) // no answer
	}})
	if _, err := client.Locks(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// The director here, and its UAA, say in every answer what they were sent.
func TestErrors_neverShowCredentials(t *testing.T) {
	echo := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
			user, word, _ := r.BasicAuth()
			http.Error(w, fmt.Sprintf(`{"code":1,"description":"%s %s %s %s %s"}`,
				r.Header.Get("Authorization"), token, user, word, password), status)
		}
	}
	logins := map[string]func(*client.Config){
		"user": func(*client.Config) {},
		"client": func(c *client.Config) {
			c.Username, c.Password = "", secret.Value{}
			c.Client, c.ClientSecret = "ci", secret.New(clientSecret)
		},
	}
	for name, change := range logins {
		for _, kind := range []string{"basic", "uaa", "uaa refuses"} {
			for _, status := range []int{400, 401, 403, 429, 500} {
				t.Run(fmt.Sprintf("%s, %s, %d", name, kind, status), func(t *testing.T) {
					director := newDirector(t, nil)
					if kind != "basic" {
						var u *uaa
						director, u = uaaDirector(t, nil)
						if kind == "uaa refuses" {
							u.routes["POST /oauth/token"] = echo(status)
						}
					}
					director.accept, director.fallback = nil, echo(status)
					var told []string
					config := login(director)
					config.Notify = func(line string) { told = append(told, line) }
					change(&config)
					client := newClient(t, config)
					_, err := client.Locks(t.Context())
					_, err2 := client.Deploy(t.Context(), manifest, bosh.DeployOptions{})
					for _, text := range append(told, fmt.Sprint(err), fmt.Sprint(err2), fmt.Sprintf("%+v %#v", err, client)) {
						for _, s := range director.seen() {
							_, token, _ := strings.Cut(s.login, " ")
							if token != "" && strings.Contains(text, token) {
								t.Errorf("the token is in %s", text)
							}
						}
						// The answer may hold what this client does not have: the other login's password.
						if own := map[string]string{"user": password, "client": clientSecret}[name]; strings.Contains(text, own) {
							t.Errorf("the secret is in %s", text)
						}
					}
					if err == nil || err2 == nil {
						t.Error("no error")
					}
				})
			}
		}
	}
}
