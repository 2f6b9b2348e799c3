package concourse_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/concourse/session"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// canary is the password of every test: it must not turn up in any text.
const canary = "pa55-canary"

var fast = retry.Policy{Attempts: 3, First: time.Millisecond, Max: 5 * time.Millisecond}

// world is a simulated Concourse, a client of it, and what the client said.
type world struct {
	atc    *sandbox.Server
	url    string
	client *concourse.Client

	mu    sync.Mutex
	notes []string
}

func (w *world) note(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notes = append(w.notes, text)
}

func (w *world) said() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.notes, "\n")
}

// requests lists what reached the simulator: "PUT /api/…/config 200".
func (w *world) requests(method string) (found []string) {
	for _, r := range w.atc.Requests() {
		if strings.HasPrefix(r.Method, method) && !strings.HasPrefix(r.Path, "/sky/") {
			found = append(found, fmt.Sprintf("%s %s %d", r.Method, r.Path, r.Status))
		}
	}
	return found
}

func (w *world) logins() (n int) {
	for _, e := range w.atc.Events() {
		if e.Kind == sandbox.KindLogin {
			n++
		}
	}
	return n
}

// newWorld starts a simulator behind wrap, which may be nil.
func newWorld(t *testing.T, wrap func(http.Handler) http.Handler, change ...func(*concourse.Config)) *world {
	t.Helper()
	w := &world{atc: sandbox.New(sandbox.Options{
		Version: "8.2.5", WorkerVersion: "2.5", ExternalURL: "https://ci.example.com", ClusterName: "test",
		Users: map[string]string{"admin": canary, "reader": canary, "stranger": canary},
		Teams: map[string]map[string]string{"main": {"admin": sandbox.Owner}, "dev": {"reader": sandbox.Viewer}},
	})}
	var handler http.Handler = w.atc
	if wrap != nil {
		handler = wrap(handler)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	w.url = server.URL
	config := concourse.Config{Config: session.Config{
		URL: server.URL + "/", Username: "admin", Password: secret.New(canary), Notify: w.note, Retry: fast,
	}}
	for _, f := range change {
		f(&config)
	}
	w.client = newClient(t, config)
	t.Cleanup(func() {
		if strings.Contains(w.said(), canary) {
			t.Errorf("the password was told: %s", w.said())
		}
	})
	return w
}

func newClient(t *testing.T, c concourse.Config) *concourse.Client {
	t.Helper()
	client, err := concourse.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

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
