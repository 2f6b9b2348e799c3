package concourse_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/concourse/session"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// shown is a diff as it would be printed.
func shown(lines []concourse.DiffLine) string {
	var out strings.Builder
	for _, l := range lines {
		out.WriteString(l.Op + l.Text + "\n")
	}
	return out.String()
}

// A pipeline before and after an upgrade, and what a user sees of that.
const before = `
resource_types:
- {name: perpetual, type: registry-image, source: {repository: ghcr.io/perpetual-ci/perpetual, tag: 1.3.0, username: bot, password: canary-1}}
resources:
- name: deployment
  type: perpetual
  webhook_token: canary-2
  source: {deployment: concourse, director: {url: "https://10.0.0.6:25555", client_secret: canary-3, ca_cert: "-----BEGIN"}, github: {token: ((github_token))}}
- {name: untouched, type: time, source: {interval: 1m}}
jobs:
- name: upgrade
  serial: true
  plan:
  - put: deployment
    params: {detach: true, manifest: canary-4}
  - task: t
    config: {platform: linux, run: {path: sh, args: [-c, "curl -u canary-5"]}, params: {A: canary-6}}
`
const after = `
resource_types:
- {name: perpetual, type: registry-image, source: {repository: ghcr.io/perpetual-ci/perpetual, tag: 1.4.0, username: bot, password: canary-7}}
resources:
- name: deployment
  type: perpetual
  webhook_token: canary-2
  source: {deployment: concourse, director: {url: "https://10.0.0.6:25555", client_secret: canary-8, ca_cert: "-----BEGIN"}, github: {token: ((other_token))}}
- {name: untouched, type: time, source: {interval: 1m}}
jobs:
- name: upgrade
  plan:
  - put: deployment
    params: {detach: true, manifest: canary-4}
    no_get: true
`
const wantDiff = ` jobs/upgrade
   name: upgrade
   plan:
-  - params:
+  - no_get: true
+    params:
       detach: true
       manifest: ((redacted))
     put: deployment
-  - config:
-      params:
-        A: ((redacted))
-      platform: linux
-      run:
-        args:
-        - ((redacted))
-        - ((redacted))
-        path: sh
-    task: t
-  serial: true
 resource_types/perpetual
   name: perpetual
   source:
-    password: ((redacted))
+    password: ((redacted))
     repository: ghcr.io/perpetual-ci/perpetual
-    tag: 1.3.0
+    tag: 1.4.0
     username: ((redacted))
   type: registry-image
 resources/deployment
   …
     deployment: concourse
     director:
       ca_cert: ((redacted))
-      client_secret: ((redacted))
+      client_secret: ((redacted))
       url: ((redacted))
     github:
-      token: ((github_token))
+      token: ((other_token))
   type: perpetual
   webhook_token: ((redacted))
`

func TestDiff_showsWhatChangedAndHidesCredentials(t *testing.T) {
	w := newWorld(t, nil)
	w.foreign(t, before)
	change, err := w.client.DiffPipeline(t.Context(), selfUpgrade, []byte(after))
	if err != nil {
		t.Fatal(err)
	}
	got := shown(change.Diff)
	if diff := cmp.Diff(wantDiff, got); diff != "" || strings.Contains(got, "canary") {
		t.Errorf("diff (-want +got):\n%s", diff)
	}
}

func TestDiff_hidesCredentialsWhereverTheyStand(t *testing.T) {
	const text = `
resources: [%s]
jobs: [{name: a, plan: [%s]}]
var_sources: [%s]
`
	resource := func(source string) string {
		return fmt.Sprintf(text, "{name: r, type: time, source: "+source+"}", "get: r", "")
	}
	step := func(step string) string { return fmt.Sprintf(text, "{name: r, type: git, source: {}}", step, "") }
	cases := map[string]string{
		"password of a URL under a naming key": resource(`{repository: "https://bot:canary@example.com/x"}`),
		"anything under source":                resource(`{nickname: canary}`),
		"a list under source":                  resource(`{names: [canary, {deep: canary}]}`),
		"a naming key with an odd value":       resource(`{tag: "canary; and more!"}`),
		"a var among other text":               resource(`{uri: "https://((user)):canary@host"}`),
		"several lines":                        step("{task: t, file: f, vars: {a: \"canary\\nx\"}}"),
		"vars of a task":                       step(`{task: t, file: f, vars: {version: "pa$$ canary &"}}`),
		"params of a put":                      step(`{put: r, params: {body: canary}, get_params: {x: canary}}`),
		"instance vars":                        step(`{set_pipeline: p, file: f, instance_vars: {x: canary}, vars: {y: canary}}`),
		"a var source":                         fmt.Sprintf(text, "{name: r, type: time, source: {}}", "get: r", "{name: v, type: vault, config: {url: canary, client_token: canary}}"),
		"defaults of a type":                   resource(`{}`) + "resource_types: [{name: x, type: y, source: {}, defaults: {a: canary}, params: {b: canary}}]",
		"a webhook token":                      fmt.Sprintf(text, "{name: r, type: time, source: {}, webhook_token: canary}", "get: r", ""),
		"a number under a telling key":         resource(`{pin_secret: 4711, x: 1}`),
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			change, err := w.client.DiffPipeline(t.Context(), selfUpgrade, []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if got := shown(change.Diff); !strings.Contains(got, secret.Redacted) || strings.Contains(got, "canary") || strings.Contains(got, "4711") {
				t.Errorf("diff:\n%s", got)
			}
		})
	}
}

// FuzzDiffPipeline holds that no text under source and params is ever shown,
// and that a pipeline never differs from itself.
func FuzzDiffPipeline(f *testing.F) {
	f.Add("password", "hunter2hunter2")
	f.Add("x", "((a)) and more")
	f.Add("key", "-----BEGIN\nabc\n")
	f.Add("a.b", "((hidden-1))")
	w := httptest.NewServer(http.HandlerFunc(giveNothing))
	f.Cleanup(w.Close)
	client, err := concourse.New(concourse.Config{Config: session.Config{URL: w.URL, Username: "u", Password: secret.New(canary), Retry: fast}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		if len(value) < 6 || strings.HasPrefix(value, "((") || strings.Contains(key, value) || strings.ContainsAny(key, "\x00") {
			t.Skip("too short to be told from other text, or no literal")
		}
		text := fmt.Sprintf("resources: [{name: r, type: t, source: {%q: %q}}]\njobs: [{name: j, plan: [{put: r, params: {%q: %q}}]}]",
			"x-"+key, value, "x-"+key, value)
		change, err := client.DiffPipeline(t.Context(), selfUpgrade, []byte(text))
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error of several lines: %v", err)
			}
			return
		}
		for _, l := range change.Diff {
			if at := strings.LastIndex(l.Text, ": "); at >= 0 && strings.Contains(l.Text[at:], value) {
				t.Errorf("shown: %q", l.Text)
			}
		}
	})
}

// giveNothing is a Concourse without pipelines.
func giveNothing(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch {
	case strings.HasPrefix(r.URL.Path, "/sky"):
		_, _ = io.WriteString(w, `{"access_token":"t0ken","token_type":"bearer"}`)
	case strings.HasSuffix(r.URL.Path, "/config"):
		w.WriteHeader(http.StatusNotFound)
	default:
		_, _ = io.WriteString(w, `{"name":"main"}`)
	}
}

// FuzzPipelineConfig feeds foreign bytes as a config: an answer or one clear
// error, never a panic.
func FuzzPipelineConfig(f *testing.F) {
	for _, seed := range []string{`{"config":{"jobs":[{"name":"a","plan":[{"get":"b"}]}]}}`, `{"config":null}`, `[]`, `{"config":{"jobs":[{"plan":[{}]}]}}`, `{"config":{"resources":[{"check_every":5}]}}`} {
		f.Add([]byte(seed))
	}
	var body atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/config") {
			w.Header().Set("X-Concourse-Config-Version", "7")
			_, _ = w.Write(body.Load().([]byte))
			return
		}
		giveNothing(w, r)
	}))
	f.Cleanup(server.Close)
	client, err := concourse.New(concourse.Config{Config: session.Config{URL: server.URL, Username: "u", Password: secret.New(canary), Retry: fast}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, foreign []byte) {
		body.Store(foreign)
		config, err := client.PipelineConfig(t.Context(), selfUpgrade)
		if err != nil {
			if strings.Contains(err.Error(), "\n") || len(err.Error()) > 1000 {
				t.Errorf("error is not short: %q", err)
			}
			return
		}
		if !config.Exists || config.Version != "7" {
			t.Errorf("config %+v", config)
		}
	})
}
