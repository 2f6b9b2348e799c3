package concourse_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// Whoever waits for Concourse gives up at once on what is refused, and on nothing else.
func TestRefused_isWhatAnotherLookWouldOnlyRepeat(t *testing.T) {
	// answering lets people log in, and answers everything else with a status.
	answering := func(status int, body string) func(http.Handler) http.Handler {
		return func(atc http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/api/v1/workers" {
					atc.ServeHTTP(w, r)
					return
				}
				w.WriteHeader(status)
				_, _ = w.Write([]byte(body))
			})
		}
	}
	hangUp := func(http.Handler) http.Handler {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	}
	as := func(name, password string) func(*concourse.Config) {
		return func(c *concourse.Config) { c.Username, c.Password = name, secret.New(password) }
	}
	tls := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(tls.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	at := func(url string) func(*concourse.Config) { return func(c *concourse.Config) { c.URL = url } }
	workers := func(c *concourse.Client) error {
		_, err := c.Workers(t.Context())
		return err
	}
	pipeline := func(c *concourse.Client) error {
		_, err := c.PipelineConfig(t.Context(), concourse.Pipeline{Name: "p"})
		return err
	}
	for name, c := range map[string]struct {
		wrap    func(http.Handler) http.Handler
		change  func(*concourse.Config)
		ask     func(*concourse.Client) error
		refused bool
	}{
		"a wrong password":           {nil, as("admin", "wrong"), workers, true},
		"an unknown user":            {nil, as("nobody", canary), workers, true},
		"a team that is not there":   {nil, func(c *concourse.Config) { c.Team = "gone" }, pipeline, true},
		"a user of no team":          {nil, as("stranger", canary), pipeline, true},
		"401":                        {answering(401, ""), nil, workers, true},
		"403":                        {answering(403, "forbidden"), nil, workers, true},
		"an unknown authority":       {nil, at(tls.URL), workers, true},
		"404":                        {answering(404, ""), nil, workers, false},
		"500":                        {answering(500, ""), nil, workers, false},
		"502 of a proxy":             {answering(502, "<html>"), nil, workers, false},
		"503 of a web that starts":   {answering(503, ""), nil, workers, false},
		"a page in place of JSON":    {answering(200, "<html>"), nil, workers, false},
		"no answer":                  {hangUp, nil, workers, false},
		"nobody there":               {nil, at(gone.URL), workers, false},
		"the login page of a proxy":  {answering(302, ""), nil, workers, false},
		"JSON that is of no workers": {answering(200, `{"a":1}`), nil, workers, false},
	} {
		w := newWorld(t, c.wrap, func(config *concourse.Config) {
			config.Retry = retry.Never
			if c.change != nil {
				c.change(config)
			}
		})
		err := c.ask(w.client)
		if err == nil || concourse.Refused(err) != c.refused || concourse.Refused(fmt.Errorf("list workers: %w", err)) != c.refused {
			t.Errorf("%s: refused is %t of %v", name, concourse.Refused(err), err)
		}
	}
	if concourse.Refused(nil) {
		t.Error("success is refused")
	}
}
