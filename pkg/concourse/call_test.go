package concourse_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
)

// answer gives every request to a path the same answer and lets others through.
func answer(path string, status int, contentType, body string) func(http.Handler) http.Handler {
	return only(path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Location", "https://elsewhere.example.com/login")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

// cut closes the connection of every request to a path.
func cut(path string) func(http.Handler) http.Handler {
	return only(path, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
}

func only(path string, do http.HandlerFunc) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != path {
				next.ServeHTTP(w, r)
				return
			}
			do(w, r)
		})
	}
}

func TestCall_saysWhatIsWrongWithAnAnswer(t *testing.T) {
	const path = "/api/v1/workers"
	cases := []struct {
		name     string
		wrap     func(http.Handler) http.Handler
		requests int // to the path
		want     []string
	}{
		{"403", answer(path, 403, "text/plain", "forbidden"), 1, []string{"403", "user admin may not do this in team main"}},
		{"404", answer(path, 404, "text/plain", "nothing here"), 1, []string{"404 Not Found", "nothing here"}},
		{"429", answer(path, 429, "text/plain", ""), 1, []string{"429"}},
		{"500", answer(path, 500, "text/plain", "database is away\nand so is "+canary), 3, []string{"500", "database is away and so is ((redacted))"}},
		{"HTML", answer(path, 200, "text/html", "<html>"), 1, []string{"web page (HTML)", "is url right"}},
		{"HTML as an error", answer(path, 502, "text/html", "<html>"), 3, []string{"502", "web page (HTML)"}},
		{"redirect", answer(path, 302, "text/plain", ""), 1, []string{"302", "redirects to https://elsewhere.example.com/login"}},
		// net/http itself repeats a GET on a reused connection that died.
		{"cut", cut(path), -1, []string{"reach Concourse at 127.0.0.1"}},
		{"no JSON", answer(path, 200, "application/json", "<nonsense"), 1, []string{"list the workers", "invalid character"}},
		{"half a JSON", answer(path, 200, "application/json", `[{"name":`), 1, []string{"unexpected EOF"}},
		{"another JSON", answer(path, 200, "application/json", `{"a":1}`), 1, []string{"cannot unmarshal object"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			count := &counter{path: path}
			w := newWorld(t, func(h http.Handler) http.Handler { return count.of(c.wrap(h)) })
			_, err := w.client.Workers(t.Context())
			clearly(t, err, c.want...)
			if n := int(count.n.Load()); c.requests >= 0 && n != c.requests {
				t.Errorf("%d requests, want %d", n, c.requests)
			}
		})
	}
}

// counter counts the requests to a path, whatever becomes of them.
type counter struct {
	path string
	n    atomic.Int32
}

func (c *counter) of(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == c.path {
			c.n.Add(1)
		}
		next.ServeHTTP(w, r)
	})
}

func TestInfo_noticesWhatIsNoConcourse(t *testing.T) {
	w := newWorld(t, answer("/api/v1/info", 200, "application/json", `{"name":"something else"}`))
	_, err := w.client.Info(t.Context())
	clearly(t, err, "read the version", "really Concourse")

	w = newWorld(t, nil, func(c *concourse.Config) { c.URL += "no/such/path" })
	_, err = w.client.Info(t.Context())
	clearly(t, err, "web page")
}

// What takes no login is refused to everybody, by something before Concourse: no role
// helps against that.
func TestCall_blamesNobodysRoleWhereNoLoginIsTaken(t *testing.T) {
	for path, do := range map[string]func(*concourse.Client) error{
		"/api/v1/info":      func(c *concourse.Client) error { _, err := c.Info(t.Context()); return err },
		"/sky/issuer/token": func(c *concourse.Client) error { _, err := c.Workers(t.Context()); return err },
	} {
		err := do(newWorld(t, answer(path, 403, "text/plain", "not from this network")).client)
		clearly(t, err, "403", "not from this network")
		if strings.Contains(fmt.Sprint(err), "role") {
			t.Errorf("%s: error %q speaks of a role", path, err)
		}
	}
}

func TestCall_endsWithItsContext(t *testing.T) {
	for _, path := range []string{"/sky/issuer/token", "/api/v1/workers"} {
		t.Run(path, func(t *testing.T) {
			stop := make(chan struct{})
			defer close(stop)
			w := newWorld(t, only(path, func(http.ResponseWriter, *http.Request) { <-stop }))
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			_, err := w.client.Workers(ctx)
			clearly(t, err, "list the workers")
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error = %v, want a deadline", err)
			}
		})
	}
}

// What the login answers must not be taken for an answer about a build.
func TestCall_tellsAFailedLoginFromWhatIsNotThere(t *testing.T) {
	for name, do := range map[string]func(context.Context, *concourse.Client) error{
		"config": func(ctx context.Context, c *concourse.Client) error {
			_, err := c.PipelineConfig(ctx, selfUpgrade)
			return err
		},
		"pause":   func(ctx context.Context, c *concourse.Client) error { return c.PausePipeline(ctx, "", selfUpgrade) },
		"build":   func(ctx context.Context, c *concourse.Client) error { _, err := c.Build(ctx, 1); return err },
		"started": func(ctx context.Context, c *concourse.Client) error { _, err := c.StartedBuilds(ctx); return err },
		"trigger": func(ctx context.Context, c *concourse.Client) error {
			_, err := c.TriggerJob(ctx, selfUpgrade, "upgrade")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			for status, text := range map[int]string{404: "404", 409: "409"} {
				w := newWorld(t, answer("/sky/issuer/token", status, "text/plain", "elsewhere"))
				err := do(t.Context(), w.client)
				clearly(t, err, "log in as admin", text, "elsewhere")
				for _, sentinel := range []error{concourse.ErrNoPipeline, concourse.ErrNoTeam, concourse.ErrNoBuild, concourse.ErrNoJob} {
					if errors.Is(err, sentinel) || strings.Contains(err.Error(), "disable_manual_trigger") {
						t.Errorf("error %v", err)
					}
				}
			}
		})
	}
}
