package session_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/concourse/session"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/vacant"
)

// What an answer is to the caller: itself where the caller reads that status, and else an
// error that says what it means.
func TestCall_judgesAnAnswer(t *testing.T) {
	const stale = "comparison with existing config failed during save"
	for name, c := range map[string]struct {
		path   string
		answer http.HandlerFunc
		pass   []int
		status int // 0: none that is of what was asked for
		stale  bool
		lost   bool
		want   []string // none: it is no error
	}{
		"success":           {path: workers, answer: answer(200, "application/json", "[]")},
		"what is read":      {path: workers, answer: answer(404, "text/plain", "gone"), pass: []int{400, 404}},
		"what is not there": {path: workers, answer: answer(404, "text/plain", "gone"), pass: []int{400}, status: 404, want: []string{"Concourse answered 404 Not Found to GET /api/v1/workers: gone"}},
		"no right":          {path: workers, answer: answer(403, "text/plain", "forbidden"), status: 403, want: []string{"user admin may not do this: it takes more"}},
		"a stale version":   {path: workers, answer: answer(500, "text/plain", stale), status: 500, stale: true, want: []string{stale}},
		"another failure":   {path: workers, answer: answer(500, "text/plain", "boom "+canary), status: 500, want: []string{"boom ((redacted))"}},
		"come back":         {path: workers, answer: answer(429, "text/plain", ""), status: 429, want: []string{"429"}},
		"a page":            {path: workers, answer: answer(404, "text/html", "<html>"), pass: []int{404}, status: 404, want: []string{"web page (HTML)"}},
		"of the login":      {path: login, answer: answer(404, "text/plain", "gone"), want: []string{"log in as admin: Concourse answered 404"}},
		"none":              {path: workers, answer: cut, lost: true, want: []string{"reach Concourse at 127.0.0.1"}},
	} {
		w := newWorld(t, map[string]http.HandlerFunc{c.path: c.answer}, func(s *session.Config) { s.Retry = retry.Never })
		_, err := get(w.Session, w.Client(t.Context(), ": it takes more", c.pass...), workers)
		if len(c.want) == 0 {
			if err != nil {
				t.Errorf("%s: error %v", name, err)
			}
			continue
		}
		clearly(t, err, c.want...)
		err = fmt.Errorf("list the workers: %w", err)
		if session.Status(err) != c.status || session.Stale(err) != c.stale || session.Lost(err) != c.lost {
			t.Errorf("%s: status %d, stale %t, lost %t of %v", name, session.Status(err), session.Stale(err), session.Lost(err), err)
		}
	}
}

func TestCall_saysWhyTheServerIsNotReached(t *testing.T) {
	secured := httptest.NewUnstartedServer(sandbox.New(sandbox.Options{}))
	secured.Config.ErrorLog = log.New(io.Discard, "", 0)
	secured.StartTLS()
	defer secured.Close()
	other := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secured.Certificate().Raw}))

	cases := []struct {
		name, url, ca string
		want          []string // none: it is reached
	}{
		{"nobody listens", "http://" + vacant.Address(t), "", []string{"reach Concourse at 127.0.0.1", "connection refused"}},
		{"wrong CA", secured.URL, "", []string{"certificate", "set ca_cert"}},
		{"wrong name", strings.Replace(secured.URL, "127.0.0.1", "localhost", 1), other, []string{"certificate", "set url"}},
		{"not TLS", strings.Replace(secured.URL, "https", "http", 1), "", []string{"400"}},
		{"the right CA", secured.URL, other, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, session.Config{URL: c.url, CACert: c.ca, Retry: retry.Never})
			body, err := get(s, s.Anonymous(t.Context()), info)
			if c.want != nil {
				clearly(t, err, c.want...)
			} else if err != nil || !strings.Contains(body, "version") {
				t.Errorf("answer %q, %v", body, err)
			}
		})
	}
}

func TestCall_endsWithItsContext(t *testing.T) {
	for _, path := range []string{login, workers} {
		t.Run(path, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			stop := make(chan struct{})
			defer close(stop)
			w := newWorld(t, map[string]http.HandlerFunc{path: func(http.ResponseWriter, *http.Request) {
				cancel()
				<-stop
			}})
			_, err := get(w.Session, w.Client(ctx, ""), workers)
			clearly(t, err)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error = %v, want the context's", err)
			}
		})
	}
}

func TestCall_passesPolicyWarningsOn(t *testing.T) {
	w := newWorld(t, map[string]http.HandlerFunc{info: func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("X-Concourse-Policy-Check-Warning", "policy check failed * no pipelines on Friday")
	}})
	if _, err := get(w.Session, w.Anonymous(t.Context()), info); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(w.said(), "no pipelines on Friday") {
		t.Errorf("notes: %q", w.said())
	}
}
