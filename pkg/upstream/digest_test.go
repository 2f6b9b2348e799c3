package upstream_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/boshio"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/github"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// TestIn_takesAnAssetWithoutDigestOnlyWhenItIsTold: files from before June 2025 have none.
func TestIn_takesAnAssetWithoutDigestOnlyWhenItIsTold(t *testing.T) {
	a, b := strings.Repeat("ab", 32), strings.Repeat("cd", 32)
	cases := []struct {
		name   string
		known  string // GitHub's digest of p-linux
		watch  resource.Watch
		want   string // the digest that the download is checked against
		field  string // metadata
		refuse string
	}{
		{"GitHub's digest", a, resource.Watch{}, a, "", ""},
		{"none at all", "", resource.Watch{}, "", "", `download c: GitHub has no digest of p-linux (it has none of files from before June 2025, an older GitHub Enterprise none at all), so it cannot be verified: give its SHA-256 in source.watch.c.digests, as in digests: {"p-linux": …}, or take it as it comes with unverified: true`},
		{"the source's", "", resource.Watch{Digests: map[string]string{"p-linux": a}}, a, "", ""},
		{"the source's, as GitHub writes it", "", resource.Watch{Digests: map[string]string{"p-linux": "sha256:" + strings.ToUpper(a)}}, a, "", ""},
		{"the source's for the version", "", resource.Watch{Digests: map[string]string{"1.0.0/p-linux": a, "p-linux": b}}, a, "", ""},
		{"another version's", "", resource.Watch{Digests: map[string]string{"1.0.1/p-linux": a}}, "", "", "GitHub has no digest of p-linux"},
		{"another file's", "", resource.Watch{Digests: map[string]string{"p-darwin": a}}, "", "", "GitHub has no digest of p-linux"},
		{"both, the same", a, resource.Watch{Digests: map[string]string{"p-linux": a}}, a, "", ""},
		{"both, different", b, resource.Watch{Digests: map[string]string{"p-linux": a}}, "", "", "find c 1.0.0: the digest of p-linux in source.watch.c.digests is " + a + ", and GitHub's is " + b},
		{"unverified", "", resource.Watch{Unverified: true}, "", "p-linux", ""},
		{"unverified, and the source's", "", resource.Watch{Unverified: true, Digests: map[string]string{"p-linux": a}}, a, "", ""},
		{"unverified, and GitHub's", a, resource.Watch{Unverified: true}, a, "", ""},
	}
	for _, c := range cases {
		for _, globs := range [][]string{nil, {"p-*"}} {
			t.Run(c.name+" "+strings.Join(globs, ""), func(t *testing.T) {
				r := withAssets(published("v1.0.0")[0], "p-linux")
				r.Assets[0].SHA256 = github.Digest(c.known)
				c.watch.GitHub, c.watch.Assets = repo, globs
				files := &store{}
				s := newSet(&hub{releases: []github.Release{r}}, nil, &bytes.Buffer{})
				s.Fetcher = files
				dir, result, err := in(t, s, watching(c.watch), given("1.0.0"), "all")
				if c.refuse != "" {
					if err == nil || !strings.Contains(err.Error(), c.refuse) || tree(t, dir) != "" || len(files.asked) > 0 {
						t.Errorf("error = %v, downloads %v, files %q", err, files.asked, tree(t, dir))
					}
					return
				}
				if err != nil || len(files.asked) != 1 || files.asked[0].SHA256 != c.want || files.asked[0].Unverified != (c.want == "") {
					t.Fatalf("error = %v, downloads %+v", err, files.asked)
				}
				said := ""
				for _, f := range result.Metadata {
					if f.Name == "c unverified" {
						said = f.Value
					}
				}
				sum, _ := os.ReadFile(filepath.Join(dir, "c", "sha256"))
				if said != c.field || string(sum) != c.want {
					t.Errorf("metadata says unverified %q, want %q; sha256 is %q", said, c.field, sum)
				}
			})
		}
	}
}

func TestIn_needsNoDigestOfWhatItDoesNotDownload(t *testing.T) {
	r := withAssets(published("v1.0.0")[0], "p-linux")
	r.Assets[0].SHA256 = ""
	dir, result, err := in(t, newSet(&hub{releases: []github.Release{r}}, nil, &bytes.Buffer{}), watching(resource.Watch{GitHub: repo, Unverified: true}), given("1.0.0"), nil)
	if err != nil || len(result.Metadata) != 2 {
		t.Errorf("error = %v, metadata %v, files %s", err, result.Metadata, tree(t, dir))
	}
}

// TestIn_doesNotDownloadHalfARelease: without globs all files count, and those that are
// not whole only matter to a download.
func TestIn_doesNotDownloadHalfARelease(t *testing.T) {
	half := uploading(withAssets(published("v1.0.0")[0], "p-linux", "p-darwin"), "p-darwin")
	cut := half
	cut.AssetsCut = true
	h := &hub{releases: []github.Release{half}, cut: map[int64][]github.Asset{half.ID: half.Assets}}
	for _, r := range []github.Release{half, cut} {
		h.releases[0] = r
		s := newSet(h, nil, &bytes.Buffer{})
		s.Fetcher = &store{}
		if _, _, err := in(t, s, watching(resource.Watch{GitHub: repo}), given("1.0.0"), nil); err != nil {
			t.Errorf("without a download: %v", err)
		}
		dir, _, err := in(t, s, watching(resource.Watch{GitHub: repo}), given("1.0.0"), "all")
		if err == nil || !strings.Contains(err.Error(), "download c: its upload is under way, or was broken off: asset p-darwin: wait, or name the other files in source.watch.c.assets") || tree(t, dir) != "" {
			t.Errorf("error = %v, files %q", err, tree(t, dir))
		}
		if _, _, err := in(t, s, watching(resource.Watch{GitHub: repo, Assets: []string{"p-linux"}}), given("1.0.0"), "all"); err != nil {
			t.Errorf("the other file: %v", err)
		}
	}
}

func TestIn_saysTheTag(t *testing.T) {
	h := &hub{releases: published("release-1.0.0")}
	d := &depot{releases: map[string][]boshio.Tarball{bpm: tarballs("1.4.38")}}
	source := resource.Source{Watch: map[string]resource.Watch{"c": {GitHub: repo, TagFilter: "^release-(.*)$"}, "bpm": {Release: bpm}}}
	dir, _, err := in(t, newSet(h, d, &bytes.Buffer{}), source, resource.Version{"c": "1.0.0", "bpm": "1.4.38"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if tag, err := os.ReadFile(filepath.Join(dir, "c", "tag")); err != nil || string(tag) != "release-1.0.0" {
		t.Errorf("c/tag = %q, error %v", tag, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "bpm", "tag")); err == nil {
		t.Error("a release of bosh.io has a tag")
	}
	var set []map[string]any
	text, err := os.ReadFile(filepath.Join(dir, component.SetFile))
	if err == nil {
		err = json.Unmarshal(text, &set)
	}
	if err != nil || set[1]["tag"] != "release-1.0.0" || set[0]["tag"] != nil {
		t.Errorf("%s: %v, error %v", component.SetFile, set, err)
	}
}

func TestPlainUpstreams_areTakenAtTheDigestsOfTheSourceAlone(t *testing.T) {
	pin := strings.Repeat("0a", 32)
	for name, c := range map[string]struct {
		url     string
		list    []boshio.Tarball
		digests map[string]string
		want    string // the newest version; "" for an error
		says    string
	}{
		"the pinned one":        {"http://mirror.example.com", tarballs("1.4.38", "1.4.37"), map[string]string{"1.4.37": pin}, "1.4.37", ""},
		"none is pinned":        {"http://mirror.example.com", tarballs("1.4.38"), map[string]string{"1.4.37": pin}, "", "digests, without which nothing is taken over http://"},
		"over https":            {"https://mirror.example.com", tarballs("1.4.38", "1.4.37"), map[string]string{"1.4.37": pin}, "1.4.38", ""},
		"on this machine":       {"http://127.0.0.1:8080", tarballs("1.4.38", "1.4.37"), nil, "1.4.38", ""},
		"another digest":        {"https://mirror.example.com", []boshio.Tarball{{Version: "1.4.38", URL: "u", SHA256: strings.Repeat("0b", 32)}}, map[string]string{"1.4.38": "sha256:" + pin}, "", "the file was replaced"},
		"the same, in capitals": {"https://mirror.example.com", []boshio.Tarball{{Version: "1.4.38", URL: "u", SHA256: pin}}, map[string]string{"1.4.38": strings.ToUpper(pin)}, "1.4.38", ""},
	} {
		t.Run(name, func(t *testing.T) {
			source := watching(resource.Watch{Release: bpm, Digests: c.digests})
			source.BoshIO.URL = c.url
			set, err := newSet(nil, &depot{releases: map[string][]boshio.Tarball{bpm: c.list}}, io.Discard).Find(t.Context(), source, nil)
			if c.want == "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("set = %v, error = %v, want %q", set, err, c.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := set[0]; got.Version != c.want || c.digests[c.want] != "" && got.SHA256 != pin {
				t.Errorf("it took %s with the digest %q, want %s", got.Version, got.SHA256, c.want)
			}
		})
	}
}
