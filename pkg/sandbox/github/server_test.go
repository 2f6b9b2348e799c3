package github_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	api "github.com/google/go-github/v60/github"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/github"
)

const repo = "acme/tool"

var day = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// start serves a world with three releases, one of them a draft. The client is
// the library that real programs use, so that shapes are those of the real API.
func start(t *testing.T, o github.Options, token string) (*github.Server, *httptest.Server, *api.Client) {
	t.Helper()
	s := github.New(o)
	s.Publish(repo,
		github.Release{Tag: "v1.0.0", CreatedAt: day, Body: "first", Assets: []github.Asset{
			{Name: "tool-linux", Content: []byte("linux")}, {Name: "half", Starting: true}, {Name: "old", NoDigest: true, Content: []byte("o")},
		}},
		github.Release{Tag: "v1.2.0-rc.1", CreatedAt: day.Add(2 * time.Hour), PreRelease: true},
		github.Release{Tag: "v1.1.0", CreatedAt: day.Add(time.Hour), Draft: true},
	)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	client := api.NewClient(nil)
	if token != "" {
		client = client.WithAuthToken(token)
	}
	client, err := client.WithEnterpriseURLs(server.URL, server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return s, server, client
}

func tags(releases []*api.RepositoryRelease) string {
	var out []string
	for _, r := range releases {
		out = append(out, r.GetTagName())
	}
	return strings.Join(out, " ")
}

func TestServer_listsReleasesNewestCommitFirst(t *testing.T) {
	for token, want := range map[string]string{"": "v1.2.0-rc.1 v1.0.0", "t": "v1.2.0-rc.1 v1.1.0 v1.0.0"} {
		_, _, client := start(t, github.Options{}, token)
		list, _, err := client.Repositories.ListReleases(t.Context(), "acme", "tool", nil)
		if err != nil || tags(list) != want {
			t.Errorf("token %q: %q, error %v, want %q", token, tags(list), err, want)
		}
	}
}

func TestServer_givesWholeReleases(t *testing.T) {
	_, server, client := start(t, github.Options{}, "")
	r, _, err := client.Repositories.GetReleaseByTag(t.Context(), "acme", "tool", "v1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	if r.GetBody() != "first" || !r.GetPublishedAt().Equal(api.Timestamp{Time: day}) || r.GetDraft() || r.GetPrerelease() ||
		r.GetHTMLURL() != server.URL+"/acme/tool/releases/tag/v1.0.0" || r.GetAuthor().GetLogin() != "acme" || len(r.Assets) != 3 {
		t.Errorf("release %v", r)
	}
	same, _, err := client.Repositories.GetRelease(t.Context(), "acme", "tool", r.GetID())
	if err != nil || same.GetTagName() != "v1.0.0" {
		t.Errorf("by id: %v, error %v", same, err)
	}
	for _, draft := range []string{"v1.1.0", "v9"} {
		if _, res, err := client.Repositories.GetReleaseByTag(t.Context(), "acme", "tool", draft); err == nil || res.StatusCode != 404 {
			t.Errorf("%s: error %v, want 404", draft, err)
		}
	}
}

func TestServer_pages(t *testing.T) {
	s, _, client := start(t, github.Options{}, "")
	for i := range 250 {
		s.Publish("acme/many", github.Release{Tag: fmt.Sprintf("v0.%d", i), CreatedAt: day.Add(time.Duration(i) * time.Minute)})
	}
	cases := []struct{ perPage, page, count, next, last int }{
		{0, 0, 30, 2, 9}, {100, 1, 100, 2, 3}, {100, 3, 50, 0, 0}, {1000, 2, 100, 3, 3}, {100, 4, 0, 0, 0}, {250, 3, 50, 0, 0},
	}
	for _, c := range cases {
		list, res, err := client.Repositories.ListReleases(t.Context(), "acme", "many", &api.ListOptions{PerPage: c.perPage, Page: c.page})
		if err != nil || len(list) != c.count || res.NextPage != c.next || res.LastPage != c.last {
			t.Errorf("%+v: %d releases, next %d, last %d, error %v", c, len(list), res.NextPage, res.LastPage, err)
		}
	}
}

func TestServer_listsTags(t *testing.T) {
	s, _, client := start(t, github.Options{}, "")
	s.AddTags(repo, "nightly", "v0.9.0")
	names := func(prefix string) string {
		refs, _, err := client.Git.ListMatchingRefs(t.Context(), "acme", "tool", &api.ReferenceListOptions{Ref: prefix})
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, r := range refs {
			out = append(out, r.GetRef())
			if len(r.GetObject().GetSHA()) != 40 || r.GetObject().GetType() != "commit" {
				t.Errorf("object %v", r.GetObject())
			}
		}
		return strings.Join(out, " ")
	}
	if got := names("tags"); got != "refs/tags/nightly refs/tags/v0.9.0 refs/tags/v1.0.0 refs/tags/v1.2.0-rc.1" {
		t.Errorf("tags: %s", got)
	}
	if got := names("tags/v1"); got != "refs/tags/v1.0.0 refs/tags/v1.2.0-rc.1" {
		t.Errorf("tags/v1: %s", got)
	}
	s.Withdraw(repo, "v1.0.0")
	if got := names("tags/v1"); got != "refs/tags/v1.2.0-rc.1" {
		t.Errorf("after the withdrawal: %s", got)
	}
	if list, _, _ := client.Repositories.ListReleases(t.Context(), "acme", "tool", nil); tags(list) != "v1.2.0-rc.1" {
		t.Errorf("after the withdrawal: %s", tags(list))
	}
}

func TestServer_servesAssetsThroughSignedURLs(t *testing.T) {
	s, server, client := start(t, github.Options{}, "")
	r, _, err := client.Repositories.GetReleaseByTag(t.Context(), "acme", "tool", "v1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	assets, _, err := client.Repositories.ListReleaseAssets(t.Context(), "acme", "tool", r.GetID(), nil)
	if err != nil || len(assets) != 3 || assets[1].GetState() != "starter" {
		t.Fatalf("assets %v, error %v", assets, err)
	}
	content, _, err := client.Repositories.DownloadReleaseAsset(t.Context(), "acme", "tool", assets[0].GetID(), http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	if text, _ := io.ReadAll(content); string(text) != "linux" {
		t.Errorf("content %q", text)
	}
	res, err := http.Get(assets[0].GetBrowserDownloadURL())
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, _ := io.ReadAll(res.Body); string(text) != "linux" || res.Request.URL.Query().Get("sig") == "" {
		t.Errorf("content %q from %s", text, res.Request.URL)
	}
	unsigned := *res.Request.URL
	unsigned.RawQuery = "sig=guess"
	if res, err := http.Get(unsigned.String()); err != nil || res.StatusCode != 403 {
		t.Errorf("unsigned: %v, error %v, want 403", res, err)
	}
	// The library does not know digests; the wire has them.
	raw, err := http.Get(server.URL + "/repos/" + repo + "/releases/assets/" + fmt.Sprint(assets[0].GetID()))
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Body.Close()
	var wire struct{ Digest *string }
	if err := json.NewDecoder(raw.Body).Decode(&wire); err != nil || wire.Digest == nil || *wire.Digest != fmt.Sprintf("sha256:%x", sha256.Sum256([]byte("linux"))) {
		t.Errorf("digest %v, error %v", wire.Digest, err)
	}
	s.Withdraw(repo, "v1.0.0")
	if _, _, err := client.Repositories.DownloadReleaseAsset(t.Context(), "acme", "tool", assets[0].GetID(), http.DefaultClient); err == nil {
		t.Error("a withdrawn release's asset is still served")
	}
}

func TestServer_refuses(t *testing.T) {
	t.Run("a bad token", func(t *testing.T) {
		_, _, client := start(t, github.Options{Tokens: []string{"good"}}, "bad")
		_, res, err := client.Repositories.ListReleases(t.Context(), "acme", "tool", nil)
		if err == nil || res.StatusCode != 401 || !strings.Contains(err.Error(), "Bad credentials") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("who may not see a private repository", func(t *testing.T) {
		s, _, client := start(t, github.Options{}, "")
		s.SetPrivate(repo)
		if _, res, err := client.Repositories.ListReleases(t.Context(), "acme", "tool", nil); err == nil || res.StatusCode != 404 {
			t.Errorf("error %v", err)
		}
		if _, _, err := client.WithAuthToken("t").Repositories.ListReleases(t.Context(), "acme", "tool", nil); err != nil {
			t.Errorf("with a token: %v", err)
		}
	})
	t.Run("more requests than an hour has", func(t *testing.T) {
		now := day
		_, _, client := start(t, github.Options{Hourly: 2, Now: func() time.Time { return now }}, "")
		var limited *api.RateLimitError
		for i := range 3 {
			_, res, err := client.Repositories.ListReleases(t.Context(), "acme", "tool", nil)
			if (i == 2) != errors.As(err, &limited) {
				t.Fatalf("request %d: error %v", i, err)
			}
			if res.Rate.Remaining != max(0, 1-i) || !res.Rate.Reset.Equal(api.Timestamp{Time: day.Add(time.Hour)}) {
				t.Errorf("request %d: rate %v", i, res.Rate)
			}
		}
		now = now.Add(time.Hour)
		if _, _, err := client.Repositories.ListReleases(t.Context(), "acme", "tool", nil); err != nil {
			t.Errorf("in the next hour: %v", err)
		}
	})
	t.Run("too much at once", func(t *testing.T) {
		s, _, client := start(t, github.Options{}, "")
		s.SetLimit(&github.Limit{Secondary: true, RetryAfter: 30 * time.Second, Times: 1})
		var abuse *api.AbuseRateLimitError
		if _, _, err := client.Repositories.ListReleases(t.Context(), "acme", "tool", nil); !errors.As(err, &abuse) || abuse.GetRetryAfter() != 30*time.Second {
			t.Errorf("error %v", err)
		}
	})
}

func TestServer_redirectsFromAnOldName(t *testing.T) {
	s, _, client := start(t, github.Options{}, "")
	s.Rename(repo, "acme/instrument")
	list, res, err := client.Repositories.ListReleases(t.Context(), "acme", "tool", &api.ListOptions{PerPage: 1})
	if err != nil || tags(list) != "v1.2.0-rc.1" || res.NextPage != 2 || !strings.Contains(res.Request.URL.Path, "/repositories/") {
		t.Errorf("%q from %s, next %d, error %v", tags(list), res.Request.URL, res.NextPage, err)
	}
}

func TestServer_answers304ToWhoHasIt(t *testing.T) {
	_, server, _ := start(t, github.Options{}, "")
	first, err := http.Get(server.URL + "/repos/" + repo + "/releases")
	if err != nil {
		t.Fatal(err)
	}
	defer first.Body.Close()
	req, _ := http.NewRequest(http.MethodGet, first.Request.URL.String(), nil)
	req.Header.Set("If-None-Match", first.Header.Get("ETag"))
	second, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Body.Close()
	if second.StatusCode != http.StatusNotModified || first.Header.Get("ETag") == "" {
		t.Errorf("ETag %q, then status %d", first.Header.Get("ETag"), second.StatusCode)
	}
}

// 100 releases of real size are a page of 1.47 MB.
func TestServer_hasPagesOfRealSize(t *testing.T) {
	s, server, _ := start(t, github.Options{ReleaseSize: 14700}, "")
	for i := range 100 {
		s.Publish("acme/big", github.Release{Tag: fmt.Sprintf("v%d", i), CreatedAt: day})
	}
	res, err := http.Get(server.URL + "/repos/acme/big/releases?per_page=100")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, _ := io.ReadAll(res.Body); len(text) < 1_440_000 || len(text) > 1_500_000 {
		t.Errorf("the page has %d bytes", len(text))
	}
}

func TestServer_loadsRealTags(t *testing.T) {
	t.Run("embedded", func(t *testing.T) { loadsTags(t, github.Data(), 40) })
	t.Run("whole", func(t *testing.T) {
		folder := os.DirFS("../../../../shared/data/github-tags")
		if names, err := fs.Glob(folder, "*.json"); err != nil || len(names) == 0 {
			t.Skip("the whole lists of tags are absent")
		}
		loadsTags(t, folder, 397)
	})
}

// loadsTags loads a folder in which concourse/concourse has so many tags.
func loadsTags(t *testing.T, folder fs.FS, want int) {
	s := github.New(github.Options{})
	if err := s.LoadTags(folder); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	client, _ := api.NewClient(nil).WithEnterpriseURLs(server.URL, server.URL)
	refs, _, err := client.Git.ListMatchingRefs(t.Context(), "concourse", "concourse", &api.ReferenceListOptions{Ref: "tags"})
	if err != nil || len(refs) != want {
		t.Errorf("%d tags, error %v, want %d", len(refs), err, want)
	}
	list, _, err := client.Repositories.ListReleases(t.Context(), "concourse", "concourse", &api.ListOptions{PerPage: 100})
	newestFirst := slices.IsSortedFunc(list, func(a, b *api.RepositoryRelease) int { return b.GetCreatedAt().Compare(a.GetCreatedAt().Time) })
	if err != nil || !newestFirst || len(list) != min(want, 100) {
		t.Errorf("%d releases, newest first %v, error %v", len(list), newestFirst, err)
	}
}
