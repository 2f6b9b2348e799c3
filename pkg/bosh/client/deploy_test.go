package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/bosh/client"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/vacant"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

var manifest = []byte("name: concourse\n")

func TestDeploy_sendsTheFlagsAsTheCLIDoes(t *testing.T) {
	cases := []struct {
		name    string
		options bosh.DeployOptions
		query   string
	}{
		{"none", bosh.DeployOptions{}, ""},
		{"context of the diff", bosh.DeployOptions{DiffContext: json.RawMessage(`{"cloud_config_ids": [1], "runtime_config_ids": []}`)},
			"?context=%7B%22cloud_config_ids%22%3A%5B1%5D%2C%22runtime_config_ids%22%3A%5B%5D%7D"},
		{"no context", bosh.DeployOptions{DiffContext: json.RawMessage(`null`)}, ""},
		{"recreate", bosh.DeployOptions{Recreate: true}, "?recreate=true"},
		{"fix", bosh.DeployOptions{Fix: true}, "?fix=true"},
		{"dry run", bosh.DeployOptions{DryRun: true}, "?dry_run=true"},
		{"skip drain", bosh.DeployOptions{SkipDrain: []string{"web", "*"}}, "?skip_drain=%2A"},
		{"skip drain of some", bosh.DeployOptions{SkipDrain: []string{"web", "web/0"}}, "?skip_drain=web%2Cweb%2F0"},
		{"all", bosh.DeployOptions{Canaries: "0", MaxInFlight: "50%", DryRun: true, Fix: true, Recreate: true},
			"?canaries=0&dry_run=true&fix=true&max_in_flight=50%25&recreate=true"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			client, director := connect(t, map[string]http.HandlerFunc{"POST /deployments": started(42)})
			c.options.ContextID = "ctx-1"
			id, err := client.Deploy(t.Context(), manifest, c.options)
			if err != nil || id != 42 {
				t.Fatalf("task %d, error %v", id, err)
			}
			got := director.seen()[1]
			if got.method != "POST" || got.uri != "/deployments"+c.query || got.body != string(manifest) {
				t.Errorf("sent %s %s %q", got.method, got.uri, got.body)
			}
			if got.header.Get("X-Bosh-Context-Id") != "ctx-1" || got.header.Get("Content-Type") != "text/yaml" {
				t.Errorf("header %v", got.header)
			}
		})
	}
}

func TestDeploy_isSentOnceWhateverTheAnswer(t *testing.T) {
	moved := func(status int, location string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", location)
			w.WriteHeader(status)
		}
	}
	cases := []struct {
		name      string
		answer    http.HandlerFunc
		task      int
		uncertain bool
		want      string // in the error
	}{
		{"302", moved(302, "https://10.0.0.6:25555/tasks/7"), 7, false, ""},
		{"303 behind another proxy", moved(303, "/tasks/8"), 8, false, ""},
		{"reply lost", drop, 0, true, "context id ctx-1"},
		{"reply cut after its header", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "10")
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
			drop(w, r)
		}, 0, true, "context id ctx-1"},
		{"redirect cut after its header", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "10")
			moved(302, "/tasks/9")(w, r)
			w.(http.Flusher).Flush()
			drop(w, r)
		}, 9, false, ""},
		{"500", text(500, ""), 0, true, "out of order"},
		{"504 of a proxy", text(504, "<html>gateway time-out</html>"), 0, true, "out of order"},
		{"200 with a page", text(200, "<html>log in</html>"), 0, true, "web page"},
		{"redirect to a login page", moved(302, "https://sso.example.com/login"), 0, true, "points elsewhere"},
		{"moved for good", moved(308, "https://elsewhere.example.com/deployments"), 0, false, "points elsewhere"},
		{"refused manifest", text(400, `{"code":440001,"description":"Manifest should not be empty"}`), 0, false, "Manifest should not be empty"},
		{"no such endpoint", text(404, "Endpoint '/deployments' not found."), 0, false, "Endpoint"},
		{"unauthorized", text(401, "Not authorized: '/deployments'\n"), 0, false, "refused user admin"},
		{"too many requests", text(429, ""), 0, false, "too many requests"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			client, director := connect(t, map[string]http.HandlerFunc{"POST /deployments": c.answer})
			id, err := client.Deploy(t.Context(), manifest, bosh.DeployOptions{ContextID: "ctx-1"})
			if n := director.count("POST"); n != 1 || len(director.requests()) != 1 {
				t.Errorf("%d deploys among %v, want one and nothing else", n, director.requests())
			}
			var uncertain *bosh.UncertainError
			if errors.As(err, &uncertain) != c.uncertain || id != c.task || (err == nil) != (c.task > 0) {
				t.Fatalf("task %d, error %v, uncertain %v", id, err, uncertain != nil)
			}
			if uncertain != nil && uncertain.ContextID != "ctx-1" {
				t.Errorf("context id %q", uncertain.ContextID)
			}
			if err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestDeploy_thatWasNeverSentIsNotUncertain(t *testing.T) {
	gone := login(newDirector(t, nil))
	gone.URL = "https://" + vacant.Address(t)
	wrongCA := login(newDirector(t, nil))
	wrongCA.CACert = strangeCA(t)
	infoFails := login(newDirector(t, map[string]http.HandlerFunc{"GET /info": drop}))
	badUAA, tokens := uaaDirector(t, nil)
	tokens.routes["POST /oauth/token"] = drop

	for name, config := range map[string]client.Config{
		"nothing listens": gone, "wrong ca": wrongCA, "info is cut": infoFails, "the uaa is cut": login(badUAA),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newClient(t, config).Deploy(t.Context(), manifest, bosh.DeployOptions{ContextID: "c"})
			var uncertain *bosh.UncertainError
			if err == nil || errors.As(err, &uncertain) {
				t.Errorf("error %v, want one that is sure", err)
			}
		})
	}
	t.Run("context id too long", func(t *testing.T) {
		client, director := connect(t, nil)
		_, err := client.Deploy(t.Context(), manifest, bosh.DeployOptions{ContextID: strings.Repeat("é", 65)})
		if err == nil || len(director.seen()) != 0 {
			t.Errorf("error %v, requests %v", err, director.requests())
		}
	})
}

func TestDeploy_endsWithItsContextAndIsUncertainThen(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	client, _ := connect(t, map[string]http.HandlerFunc{"POST /deployments": func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
		panic(http.ErrAbortHandler) // no answer
	}})
	_, err := client.Deploy(ctx, manifest, bosh.DeployOptions{})
	var uncertain *bosh.UncertainError
	if !errors.As(err, &uncertain) || !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want an uncertain one of the context", err)
	}
}

// A token that has run out is refused before the deploy is looked at.
func TestDeploy_isRepeatedOnceAfterARefusedToken(t *testing.T) {
	director, tokens := uaaDirector(t, map[string]http.HandlerFunc{"POST /deployments": started(5)})
	config := login(director)
	config.Username, config.Password = "", secret.Value{}
	config.Client, config.ClientSecret = "ci", secret.New(clientSecret)
	client := newClient(t, config)
	if _, err := client.Info(t.Context()); err != nil {
		t.Fatal(err)
	}
	tokens.revoke()
	id, err := client.Deploy(t.Context(), manifest, bosh.DeployOptions{})
	if err != nil || id != 5 {
		t.Fatalf("task %d, error %v", id, err)
	}
	var bodies []string
	for _, s := range director.seen() {
		if s.method == "POST" && s.uri == "/deployments" {
			bodies = append(bodies, s.login+" "+s.body)
		}
	}
	want := []string{"bearer token-1 " + string(manifest), "bearer token-2 " + string(manifest)}
	if strings.Join(bodies, "|") != strings.Join(want, "|") {
		t.Errorf("sent %q, want %q", bodies, want)
	}
}

func TestDeleteDeployment_submitsOnce(t *testing.T) {
	client, director := connect(t, map[string]http.HandlerFunc{
		"DELETE /deployments/concourse": started(9),
		"DELETE /deployments/gone":      text(404, `{"code":70000,"description":"Deployment 'gone' doesn't exist"}`),
		"DELETE /deployments/a/b":       started(10),
		"DELETE /deployments/lost":      drop,
	})
	id, err := client.DeleteDeployment(t.Context(), "concourse", bosh.DeleteOptions{Force: true})
	if err != nil || id != 9 || director.requests()[0] != "DELETE /deployments/concourse?force=true" {
		t.Errorf("task %d, error %v, requests %v", id, err, director.requests())
	}
	if _, err := client.DeleteDeployment(t.Context(), "gone", bosh.DeleteOptions{}); !errors.Is(err, bosh.ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound", err)
	}
	if _, err := client.DeleteDeployment(t.Context(), "..", bosh.DeleteOptions{}); err == nil {
		t.Error("a deployment named .. was taken")
	}
	_, _ = client.DeleteDeployment(t.Context(), "a/b", bosh.DeleteOptions{})
	_, err = client.DeleteDeployment(t.Context(), "lost", bosh.DeleteOptions{ContextID: "c"})
	var uncertain *bosh.UncertainError
	if !errors.As(err, &uncertain) {
		t.Errorf("error %v, want an uncertain one", err)
	}
	want := []string{"DELETE /deployments/concourse?force=true", "DELETE /deployments/gone", "DELETE /deployments/a%2Fb", "DELETE /deployments/lost"}
	if got := director.requests(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("requests %q, want %q", got, want)
	}
}

// TestDiff_isWaitedForLongerThanARead holds a diff back until a read of the same
// patience, begun later, has been given up.
func TestDiff_isWaitedForLongerThanARead(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	director := newDirector(t, map[string]http.HandlerFunc{
		"POST /deployments/concourse/diff": func(w http.ResponseWriter, r *http.Request) {
			close(asked)
			<-release
			text(200, `{"context":{},"diff":[]}`)(w, r)
		},
		"GET /locks": func(http.ResponseWriter, *http.Request) { <-release },
	})
	config := login(director)
	config.ReadTimeout, config.Retry = 100*time.Millisecond, retry.Never
	client := newClient(t, config)
	done := make(chan error, 1)
	go func() {
		_, err := client.Diff(t.Context(), "concourse", manifest)
		done <- err
	}()
	<-asked
	if _, err := client.Locks(t.Context()); err == nil {
		t.Error("a read has no end")
	}
	close(release)
	if err := <-done; err != nil {
		t.Errorf("diff: %v", err)
	}
}
