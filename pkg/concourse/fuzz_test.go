package concourse_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/concourse/session"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// FuzzAnswers feeds foreign bytes, with any status, as the answer of one of the
// ATC's endpoints or of its login: a value or one clear, short line of error,
// and no password.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []struct {
		path, body string
		status     uint16
	}{
		{"/info", `{"version":"8.2.5","worker_version":"2.5"}`, 0},
		{"/workers", `[{"name":"w","state":"running","start_time":1795254133,"version":"2.5"}]`, 0},
		{"/workers", `[{"start_time":-9223372036854775808,"tags":null}]`, 0},
		{"/sky", `{"access_token":"t","token_type":"bearer","expires_in":-1}`, 0},
		{"/sky", `{"error":"access_denied","error_description":"two\nlines"}`, 201},
		{"/config", `{"config":{"jobs":[]}}`, 0}, {"/config", `{"errors":["a","b"],"warnings":[{"type":"x","message":"y"}]}`, 200},
		{"/info", "<html>", 303},
		{"/pipelines", `[{"id":1,"name":"p","paused":true,"paused_by":"ada","paused_at":-1,"instance_vars":{"a":{"b":[1]}}}]`, 0},
		{"/builds", `[{"id":-1,"status":"started","created_by":null,"rerun_of":{"id":0}}]`, 0}, {"/builds", `{"id":1,"status":"started"}`, 0},
		{"/user", `{"is_admin":true,"display_user_id":"a\nb","teams":{"main":null}}`, 0},
		{"/land", "", 0}, {"/prune", `{"stderr":"cannot prune running worker"}`, 200}, {"/jobs", "null", 0},
	} {
		f.Add(seed.path, seed.status, seed.body)
	}
	var mu sync.Mutex
	var path, body string
	var status int
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		at, code, text := path, status, body
		mu.Unlock()
		if at == "" || !strings.Contains(r.URL.Path, at) {
			giveNothing(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, text)
	}))
	f.Cleanup(server.Close)
	f.Fuzz(func(t *testing.T, at string, code uint16, text string) {
		mu.Lock()
		path, status, body = at, 200+int(code)%400, text
		mu.Unlock()
		client, err := concourse.New(concourse.Config{Config: session.Config{URL: server.URL, Username: "u", Password: secret.New(canary), Retry: retry.Never}})
		if err != nil {
			t.Fatal(err)
		}
		for name, ask := range map[string]func(context.Context) error{
			"info":      func(ctx context.Context) error { _, err := client.Info(ctx); return err },
			"workers":   func(ctx context.Context) error { _, err := client.Workers(ctx); return err },
			"pipelines": func(ctx context.Context) error { _, err := client.Pipelines(ctx); return err },
			"pause":     func(ctx context.Context) error { return client.PausePipeline(ctx, "main", selfUpgrade) },
			"started":   func(ctx context.Context) error { _, err := client.StartedBuilds(ctx); return err },
			"build":     func(ctx context.Context) error { _, err := client.Build(ctx, 1); return err },
			"trigger":   func(ctx context.Context) error { _, err := client.TriggerJob(ctx, selfUpgrade, "j"); return err },
			"user":      func(ctx context.Context) error { _, err := client.User(ctx); return err },
			"set": func(ctx context.Context) error {
				_, err := client.SetPipeline(ctx, selfUpgrade, []byte("jobs: [{name: j, plan: [{get: r}]}]\nresources: [{name: r, type: t}]"))
				return err
			},
		} {
			if err := ask(t.Context()); err != nil && (strings.Contains(err.Error(), "\n") || !utf8.ValidString(err.Error()) || len(err.Error()) > 1_500 || strings.Contains(err.Error(), canary)) {
				t.Errorf("%s: status %d: error %q", name, status, err)
			}
		}
	})
}

// FuzzSetPipeline holds that a pipeline which Concourse has taken is never set a
// second time, with keys of any version in it, whichever release it is.
func FuzzSetPipeline(f *testing.F) {
	for _, seed := range []string{first, firstInOtherWords, novel, novelInOtherWords, before, after} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	atc := sandbox.New(sandbox.Options{Users: map[string]string{"u": canary}})
	server := httptest.NewServer(atc)
	f.Cleanup(server.Close)
	client, err := concourse.New(concourse.Config{Config: session.Config{URL: server.URL, Username: "u", Password: secret.New(canary), Retry: retry.Never}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string, old bool) {
		release := "8.2.5"
		if old {
			release = "7.14.0"
		}
		atc.SetVersion(release, "2.5")
		if _, err := client.SetPipeline(t.Context(), selfUpgrade, []byte(text)); err != nil {
			if strings.Contains(err.Error(), "\n") || len(err.Error()) > 5_000 {
				t.Errorf("error is not short: %q", err)
			}
			return
		}
		change, err := client.SetPipeline(t.Context(), selfUpgrade, []byte(text))
		if err != nil || change.Created || change.Updated {
			t.Errorf("set again with %s: %+v, %v", release, change, err)
		}
	})
}
