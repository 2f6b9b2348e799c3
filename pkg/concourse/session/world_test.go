package session_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/concourse/session"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

const (
	// canary is the password of every test: it must not turn up in any text.
	canary = "pa55-canary"
	// login is where tokens are given out.
	login = "/sky/issuer/token"
	// workers takes a login, and info none.
	workers = "/api/v1/workers"
	info    = "/api/v1/info"
)

// world is a simulated Concourse, a session with it, and what the session said.
type world struct {
	*session.Session
	atc *sandbox.Server

	mu    sync.Mutex
	notes strings.Builder
}

// newWorld starts a simulator of which some paths are answered otherwise.
func newWorld(t *testing.T, otherwise map[string]http.HandlerFunc, change ...func(*session.Config)) *world {
	t.Helper()
	w := &world{atc: sandbox.New(sandbox.Options{
		Users: map[string]string{"admin": canary}, Teams: map[string]map[string]string{"main": {"admin": sandbox.Owner}},
	})}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if do := otherwise[r.URL.Path]; do != nil {
			do(rw, r)
			return
		}
		w.atc.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	config := session.Config{
		URL: server.URL + "/", Username: "admin", Password: secret.New(canary), Notify: w.note,
		Retry: retry.Policy{Attempts: 3, First: time.Millisecond, Max: 5 * time.Millisecond},
	}
	for _, f := range change {
		f(&config)
	}
	w.Session = open(t, config)
	t.Cleanup(func() {
		if strings.Contains(w.said(), canary) {
			t.Errorf("the password was told: %s", w.said())
		}
	})
	return w
}

func open(t *testing.T, c session.Config) *session.Session {
	t.Helper()
	s, err := session.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *world) note(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notes.WriteString(text + "\n")
}

func (w *world) said() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.notes.String()
}

// logins counts the tokens that were given out.
func (w *world) logins() (n int) {
	for _, e := range w.atc.Events() {
		if e.Kind == sandbox.KindLogin {
			n++
		}
	}
	return n
}

// get reads a path with one of a session's clients.
func get(s *session.Session, with *http.Client, path string) (string, error) {
	res, err := with.Get(s.URL() + path)
	if err != nil {
		return "", s.Explain(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}

// answer gives every request the same answer.
func answer(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// cut closes the connection of every request.
func cut(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// clearly checks that an error is one line, says what it must, and tells no credential.
func clearly(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	text := err.Error()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("error %q does not say %q", text, part)
		}
	}
	if strings.ContainsAny(text, "\n\r") || strings.Contains(text, canary) {
		t.Errorf("error is several lines or tells the password: %q", text)
	}
}
