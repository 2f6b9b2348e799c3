package github_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/github"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/github"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/tlsca"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

func TestReleases_keepsWhatMatters(t *testing.T) {
	w := start(t, sandbox.Options{}, nil, tlsca.Options{})
	w.Publish(repo,
		sandbox.Release{Tag: "v1.0.0", Name: "One", CreatedAt: day, PublishedAt: day.Add(time.Hour), Assets: []sandbox.Asset{
			{Name: "new", Content: []byte("new")}, {Name: "half", Starting: true}, {Name: "old", Content: []byte("older"), NoDigest: true},
			{Name: "odd", Digest: "sha512:00"},
		}},
		sandbox.Release{Tag: "v2.0.0-rc.1", CreatedAt: day.Add(time.Minute), PreRelease: true},
		sandbox.Release{Tag: "v3.0.0", CreatedAt: day.Add(2 * time.Minute), Draft: true},
	)
	list, next, err := client(t, github.Config{URL: w.url, Token: secret.New(canary)}).Releases(t.Context(), repo, 1, 100)
	if err != nil || next != 0 || len(list) != 3 {
		t.Fatalf("%d releases, next %d, error %v", len(list), next, err)
	}
	if d := list[0]; d.Tag != "v3.0.0" || !d.Draft || !d.PublishedAt.IsZero() {
		t.Errorf("draft %+v", d)
	}
	if p := list[1]; p.Tag != "v2.0.0-rc.1" || !p.PreRelease || p.Draft {
		t.Errorf("pre-release %+v", p)
	}
	one := list[2]
	want := github.Release{
		ID: one.ID, Tag: "v1.0.0", URL: w.url + "/acme/tool/releases/tag/v1.0.0",
		CreatedAt: day, PublishedAt: day.Add(time.Hour), Assets: one.Assets,
	}
	if diff := cmp.Diff(want, one); diff != "" || one.ID == 0 {
		t.Errorf("release (-want +got):\n%s", diff)
	}
	if len(one.Assets) != 4 {
		t.Fatalf("assets %+v, want all", one.Assets)
	}
	for _, a := range one.Assets {
		if a.Network != dial.Loopback {
			t.Errorf("%s was named from %q", a.Name, a.Network)
		}
		if a.Uploading() != (a.Name == "half") {
			t.Errorf("%s is being uploaded: %v", a.Name, a.Uploading())
		}
	}
	a := one.Assets[0]
	if a.Name != "new" || a.Size != 3 || string(a.SHA256) != fmt.Sprintf("%x", sha256.Sum256([]byte("new"))) ||
		a.BrowserURL != w.url+"/acme/tool/releases/download/v1.0.0/new" || !strings.HasPrefix(a.URL, w.url+"/repos/acme/tool/releases/assets/") {
		t.Errorf("asset %+v", a)
	}
	if one.Assets[1].SHA256 != "" || one.Assets[2].SHA256 != "" || one.Assets[3].SHA256 != "" {
		t.Errorf("digests that are none were kept: %+v", one.Assets[1:])
	}
	if list, _, err := client(t, github.Config{URL: w.url}).Releases(t.Context(), repo, 1, 100); err != nil || len(list) != 2 {
		t.Errorf("without a token %d releases, error %v, want the draft hidden", len(list), err)
	}
}

func TestReleases_pages(t *testing.T) {
	w, c := plain(t)
	for i := range 5 {
		w.Publish("acme/many", sandbox.Release{Tag: fmt.Sprintf("v%d", i), CreatedAt: day.Add(time.Duration(i) * time.Minute)})
	}
	var got []string
	for page := 1; page != 0; {
		list, next, err := c.Releases(t.Context(), "acme/many", page, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			got = append(got, r.Tag)
		}
		page = next
	}
	if strings.Join(got, " ") != "v4 v3 v2 v1 v0" || len(w.script.Seen()) != 3 {
		t.Errorf("%v in %d requests", got, len(w.script.Seen()))
	}
}

func TestReleaseByTag_finds(t *testing.T) {
	w, c := plain(t)
	w.Publish(repo, sandbox.Release{Tag: "cli/v2 final", CreatedAt: day})
	for _, tag := range []string{"v1.0.0", "cli/v2 final"} {
		if r, err := c.ReleaseByTag(t.Context(), repo, tag); err != nil || r.Tag != tag {
			t.Errorf("%s: %+v, error %v", tag, r, err)
		}
	}
	if _, err := c.ReleaseByTag(t.Context(), repo, "v9"); !errors.Is(err, github.ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound", err)
	}
}

func TestAssets_givesAllOfALongList(t *testing.T) {
	w, c := plain(t)
	var assets []sandbox.Asset
	for i := range 130 {
		assets = append(assets, sandbox.Asset{Name: fmt.Sprintf("a%03d", i), Starting: i == 7})
	}
	w.Publish(repo, sandbox.Release{Tag: "v2", Assets: assets}, sandbox.Release{Tag: "v3", Assets: assets[:29]})
	r, err := c.ReleaseByTag(t.Context(), repo, "v2")
	if err != nil || !r.AssetsCut {
		t.Fatalf("cut %v, error %v, want a hint that the list may be cut", r.AssetsCut, err)
	}
	all, err := c.Assets(t.Context(), repo, r.ID)
	if err != nil || len(all) != 130 || all[129].Name != "a129" || !all[7].Uploading() || all[8].Uploading() {
		t.Errorf("%d assets, error %v", len(all), err)
	}
	if r, err := c.ReleaseByTag(t.Context(), repo, "v3"); err != nil || r.AssetsCut {
		t.Errorf("29 assets: cut %v, error %v", r.AssetsCut, err)
	}
	if _, err := c.Assets(t.Context(), repo, 1); !errors.Is(err, github.ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound", err)
	}
}

func TestTags_givesAllInOneRequest(t *testing.T) {
	w, c := plain(t)
	for i := range 300 {
		w.AddTags(repo, fmt.Sprintf("v0.%d", i))
	}
	w.AddTags(repo, "cli/v1")
	tags, err := c.Tags(t.Context(), repo)
	if err != nil || len(tags) != 302 || tags[0] != "cli/v1" || len(w.script.Seen()) != 1 {
		t.Errorf("%d tags, first %q, %d requests, error %v", len(tags), tags[0], len(w.script.Seen()), err)
	}
}

func TestTags_followsPagesOfWhoGivesThem(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		next := map[string]string{"": "2", "2": "3", "3": "3"}[r.URL.Query().Get("page")] // the last one points at itself
		w.Header().Set("Link", fmt.Sprintf(`<http://%s%s?page=%s>; rel="next"`, r.Host, r.URL.Path, next))
		_, _ = fmt.Fprintf(w, `[{"ref":"refs/tags/t%d"},{"ref":"refs/heads/tags/no"}]`, asked)
	}))
	defer server.Close()
	tags, err := client(t, github.Config{URL: server.URL}).Tags(t.Context(), repo)
	if err != nil || strings.Join(tags, " ") != "t1 t2 t3" || asked != 3 {
		t.Errorf("%v in %d requests, error %v", tags, asked, err)
	}
}

func TestTags_areNoneInAnEmptyRepository(t *testing.T) {
	w, c := plain(t)
	w.script.Add(fault.Fault{Kind: fault.Status, Code: 409, Body: `{"message":"Git Repository is empty."}`})
	if tags, err := c.Tags(t.Context(), repo); err != nil || len(tags) != 0 {
		t.Errorf("%v, error %v", tags, err)
	}
}

// serve answers every request with one body.
func serve(t testing.TB, kind, body string) *github.Client {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	c, err := github.New(github.Config{URL: server.URL, Policy: fast})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestReleases_refusesBodiesThatAreNoList(t *testing.T) {
	const kind = "application/json; charset=utf-8"
	cases := []struct {
		name, kind, body, want string
		is                     error
	}{
		{"HTML", "text/html", "<!DOCTYPE html>\n<p>Sign in</p>", "answered 200 but not with JSON", github.ErrNotJSON},
		{"HTML said to be nothing", "", "<html>", "answered 200 but not with JSON", github.ErrNotJSON},
		{"JSON said to be HTML", "text/html", `{"a":1}`, "answered 200 but not with JSON", github.ErrNotJSON},
		{"nothing", kind, "", "cut short", io.ErrUnexpectedEOF},
		{"cut in a release", kind, `[{"tag_name":"v1"},{"tag_na`, "cut short", io.ErrUnexpectedEOF},
		{"cut between releases", kind, `[{"tag_name":"v1"},`, "cut short", io.ErrUnexpectedEOF},
		{"cut before the end", kind, `[{"tag_name":"v1"}`, "cut short", io.ErrUnexpectedEOF},
		{"an object", kind, `{"message":"hello"}`, "not a list", github.ErrNotJSON},
		{"null", kind, `null`, "not a list", github.ErrNotJSON},
		{"garbage", kind, "[\x00\xff", "decode the answer", github.ErrNotJSON},
		{"a wrong type", kind, `[{"tag_name":7}]`, "tag_name", github.ErrNotJSON},
		{"more than a list", kind, `[] []`, "more follows", github.ErrNotJSON},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			list, _, err := serve(t, c.kind, c.body).Releases(t.Context(), repo, 1, 100)
			if list != nil || err == nil || !strings.Contains(err.Error(), c.want) || !errors.Is(err, c.is) {
				t.Errorf("list %v, error %v, want %q", list, err, c.want)
			}
			checkError(t, err)
		})
	}
	if list, _, err := serve(t, kind, " [ ] \n").Releases(t.Context(), repo, 1, 100); err != nil || len(list) != 0 {
		t.Errorf("an empty list: %v, error %v", list, err)
	}
}

func FuzzReleases(f *testing.F) {
	for _, seed := range []string{
		`[{"id":1,"tag_name":"v1","created_at":"2026-08-01T12:00:00Z","published_at":null,"assets":[{"name":"a","state":"uploaded","size":1,"digest":"sha256:00"}]}]`,
		`[]`, `null`, `[{}`, `[{"assets":null}]`, `{"message":"x"}`, "[1,\x00]", `[{"assets":[{"size":-1}]}]`,
	} {
		f.Add(seed)
	}
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
	f.Cleanup(server.Close)
	c, err := github.New(github.Config{URL: server.URL, Policy: fast})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		body = text
		list, _, err := c.Releases(t.Context(), repo, 1, 100)
		checkError(t, err)
		if err != nil && list != nil {
			t.Error("an error came with a list")
		}
		for _, r := range list {
			for _, a := range r.Assets {
				if a.SHA256 != "" && len(a.SHA256) != 64 {
					t.Errorf("digest %q", a.SHA256)
				}
			}
		}
	})
}

// The size of a page is that of 100 real releases.
func BenchmarkReleases_pageOf100(b *testing.B) {
	s := sandbox.New(sandbox.Options{ReleaseSize: 14700})
	for i := range 100 {
		s.Publish(repo, sandbox.Release{Tag: fmt.Sprintf("v1.%d", i), CreatedAt: day})
	}
	server := httptest.NewServer(s)
	defer server.Close()
	c, err := github.New(github.Config{URL: server.URL})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if list, _, err := c.Releases(b.Context(), repo, 1, 100); err != nil || len(list) != 100 {
			b.Fatal(len(list), err)
		}
	}
}
