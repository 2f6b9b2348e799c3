package github_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/github"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/github"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/tlsca"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

func TestReleasesByTags_asksOnceForMany(t *testing.T) {
	w := start(t, sandbox.Options{Tokens: []string{canary}}, nil, tlsca.Options{})
	var many []sandbox.Asset
	for i := range 130 {
		many = append(many, sandbox.Asset{Name: fmt.Sprintf("a%03d", i)})
	}
	w.Publish(repo,
		sandbox.Release{Tag: "v1", CreatedAt: day, PublishedAt: day.Add(time.Hour), Assets: []sandbox.Asset{{Name: "p-linux"}}},
		sandbox.Release{Tag: `v2"){x}`, CreatedAt: day, PreRelease: true, Assets: many},
	)
	w.AddTags(repo, "v3", "v4")
	for _, path := range []string{"", "/api/v3"} {
		before := w.Requests()
		c := client(t, github.Config{URL: w.url + path, Token: secret.New(canary)})
		got, err := c.ReleasesByTags(t.Context(), repo, []string{"v4", "v1", `v2"){x}`, "v3", "v5"})
		if err != nil || len(got) != 2 || w.Requests() != before+1 {
			t.Fatalf("%s: %+v, error %v, %d requests", path, got, err, w.Requests()-before)
		}
		one, two := got["v1"], got[`v2"){x}`]
		if one.Tag != "v1" || one.URL != w.url+"/acme/tool/releases/tag/v1" || !one.PublishedAt.Equal(day.Add(time.Hour)) || one.PreRelease ||
			len(one.Assets) != 1 || one.Assets[0].Name != "p-linux" || one.AssetsCut {
			t.Errorf("%s: %+v", path, one)
		}
		if !two.PreRelease || len(two.Assets) != 100 || !two.AssetsCut {
			t.Errorf("%s: %+v", path, two)
		}
	}
}

func TestReleasesByTags_failsWholly(t *testing.T) {
	w := start(t, sandbox.Options{Tokens: []string{canary}}, nil, tlsca.Options{})
	w.Publish(repo, sandbox.Release{Tag: "v1", CreatedAt: day})
	if _, err := client(t, github.Config{URL: w.url}).ReleasesByTags(t.Context(), repo, []string{"v1"}); !errors.Is(err, errors.ErrUnsupported) || w.Requests() != 0 {
		t.Errorf("without a token: error %v, %d requests", err, w.Requests())
	}
	known := client(t, github.Config{URL: w.url, Token: secret.New(canary)})
	for name, ask := range map[string]struct {
		repo string
		tags int
		want string
	}{
		"unknown repository": {"acme/gone", 1, `answered with an error: "Could not resolve to a Repository with the name 'acme/gone'."`},
		"no repository":      {"acme", 1, "want owner/name"},
		"too many":           {repo, 101, "at most 100"},
	} {
		if got, err := known.ReleasesByTags(t.Context(), ask.repo, make([]string, ask.tags)); got != nil || err == nil || !strings.Contains(err.Error(), ask.want) {
			t.Errorf("%s: %v, error %v", name, got, err)
		}
	}
	if _, err := client(t, github.Config{URL: w.url, Token: secret.New("ghp_other")}).ReleasesByTags(t.Context(), repo, []string{"v1"}); !errors.Is(err, github.ErrUnauthorized) {
		t.Errorf("a bad token: %v", err)
	}
	for body, want := range map[string]string{
		"<html>": "not with JSON", `{"data":{"repository":{"r0":null}}}`: "answered without r1", `{"data":{"repository":null}}`: "answered without r0",
		`{"data":{"repository":{"r0":null,"r1":null}},"errors":[{"message":"a\nb"}]}`: `answered with an error: "a"`,
		`{"data":{"repository":{"r0":null,"r1":nu`:                                    "cut short", `{"data":{"repository":[]}}`: "decode", `{}`: "answered without r0", `{} {}`: "more follows",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if body[0] == '{' {
				w.Header().Set("Content-Type", "application/json")
			}
			_, _ = io.WriteString(w, body)
		}))
		c := client(t, github.Config{URL: server.URL, Token: secret.New(canary)})
		if got, err := c.ReleasesByTags(t.Context(), repo, []string{"v1", "v2"}); got != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, error %v, want %s", body, got, err, want)
		}
		server.Close()
	}
}

// A draft may have the tag of a published release, and GitHub shows drafts to those who may push.
func TestReleasesByTags_looksBehindADraft(t *testing.T) {
	w := start(t, sandbox.Options{Tokens: []string{canary}}, nil, tlsca.Options{})
	w.Publish(repo,
		sandbox.Release{Tag: "v1", CreatedAt: day, PublishedAt: day.Add(time.Hour), Assets: []sandbox.Asset{{Name: "p-linux"}}},
		sandbox.Release{Tag: "v1", CreatedAt: day, Draft: true},
		sandbox.Release{Tag: "v2", CreatedAt: day, Draft: true},
	)
	got, err := client(t, github.Config{URL: w.url, Token: secret.New(canary)}).ReleasesByTags(t.Context(), repo, []string{"v1", "v2"})
	if r, ok := got["v1"]; err != nil || len(got) != 1 || !ok || r.Draft || !r.PublishedAt.Equal(day.Add(time.Hour)) || len(r.Assets) != 1 {
		t.Errorf("%+v, error %v", got, err)
	}
}

// GitHub counts both of its APIs for themselves, and go-github takes GitHub
// Enterprise's paths for one.
func TestReleasesByTags_leavesTheOtherAPIItsLimit(t *testing.T) {
	for _, path := range []string{"", "/api/v3"} {
		for name, limit := range map[string]sandbox.Limit{
			"the hour's":          {Reset: time.Now().Add(time.Hour)},
			"too much at once":    {Secondary: true},
			"with a time to wait": {Secondary: true, RetryAfter: time.Hour},
		} {
			w := start(t, sandbox.Options{Tokens: []string{canary}}, nil, tlsca.Options{})
			w.Publish(repo, sandbox.Release{Tag: "v1", CreatedAt: day})
			limit.Resource = "graphql"
			w.SetLimit(&limit)
			c := client(t, github.Config{URL: w.url + path, Token: secret.New(canary)})
			if got, err := c.ReleasesByTags(t.Context(), repo, []string{"v1"}); got != nil || err == nil || !strings.Contains(err.Error(), "rate limit") {
				t.Errorf("%s %s: %v, error %v", path, name, got, err)
			}
			if r, err := c.ReleaseByTag(t.Context(), repo, "v1"); err != nil || r.Tag != "v1" {
				t.Errorf("%s %s: %+v, error %v", path, name, r, err)
			}
		}
	}
}
