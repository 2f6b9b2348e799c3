package upstream_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/github"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

func draft(r github.Release) github.Release {
	r.Draft = true
	r.PublishedAt = time.Time{}
	return r
}

func preRelease(r github.Release) github.Release { r.PreRelease = true; return r }

func withAssets(r github.Release, names ...string) github.Release {
	for _, name := range names {
		r.Assets = append(r.Assets, asset(name))
	}
	return r
}

// uploading is r while an asset of it is not whole.
func uploading(r github.Release, name string) github.Release {
	for i, a := range r.Assets {
		if a.Name == name {
			r.Assets[i].State = "starter"
		}
	}
	return r
}

// patches are n tags of one minor line, newest first.
func patches(line string, n int) []string {
	var tags []string
	for i := n - 1; i >= 0; i-- {
		tags = append(tags, fmt.Sprintf("v%s.%d", line, i))
	}
	return tags
}

func TestCheck_choosesAmongGitHubReleases(t *testing.T) {
	one := published("v1.3.0", "v1.2.0", "v1.1.0")
	cases := []struct {
		name     string
		releases []github.Release
		watch    resource.Watch
		at       string
		want     string
		log      string
	}{
		{"the highest, not the newest", published("v1.1.9", "v1.2.0", "v1.1.8"), resource.Watch{}, "", "1.2.0", ""},
		{"tags with and without v", published("1.1.0", "v1.2.0"), resource.Watch{}, "1.1.0", "1.1.0 1.2.0", ""},
		{"tags that are not versions", published("nightly", "v", "1.0.0", "vv2.0.0", "release-3.0.0"), resource.Watch{}, "", "1.0.0", "c: passed over 4 tags that are not versions, such as vv2.0.0 (tag_filter says where in a tag the version is)\n"},
		{"tags of another scheme beside a version", published("release-1.2.3", "release-1.10.0", "0.9"), resource.Watch{}, "", "0.9", "c: passed over 2 tags that are not versions, such as release-1.2.3 (tag_filter says where in a tag the version is: ^release-v?(.*)$)\n"},
		{"tags of another scheme, read", published("release-1.2.3", "release-1.10.0", "0.9"), resource.Watch{TagFilter: "^release-v?(.*)$"}, "", "1.10.0", ""},
		{"four numbers", published("v1.2.3.4", "v1.2.3.10", "v1.2.2"), resource.Watch{}, "1.2.3.4", "1.2.3.4 1.2.3.10", ""},
		{"development builds", published("v8.2.4+dev.2", "v8.2.4+dev.10", "v8.2.4", "v8.2.5+dev.2", "v8.2.5+dev.10"), resource.Watch{}, "8.2.4", "8.2.4 8.2.5+dev.10", ""},
		{"drafts do not count", []github.Release{draft(one[0]), one[1]}, resource.Watch{}, "", "1.2.0", ""},
		{"drafts count when wanted", []github.Release{draft(one[0]), one[1]}, resource.Watch{Drafts: true}, "", "1.3.0", ""},
		{"a draft does not hide the release of its tag", []github.Release{draft(one[0]), one[0], one[1]}, resource.Watch{}, "", "1.3.0", ""},
		{"marked as pre-release", []github.Release{preRelease(one[0]), one[1]}, resource.Watch{}, "", "1.2.0", "c: passed over 1 pre-release, 1.3.0 (pre_release: true would admit such)\n"},
		{"marked as pre-release, wanted", []github.Release{preRelease(one[0]), one[1]}, resource.Watch{PreRelease: true}, "", "1.3.0", ""},
		{"version of a pre-release, not marked", published("v1.3.0-rc.1", "v1.2.0"), resource.Watch{}, "", "1.2.0", "c: passed over 1 pre-release, 1.3.0-rc.1 (pre_release: true would admit such)\n"},
		{"tag_filter with a group", published("cli-2.0.0", "srv-1.5.0", "srv-1.4.0"), resource.Watch{TagFilter: `^srv-(.*)$`}, "1.4.0", "1.4.0 1.5.0", ""},
		{"tag_filter with two groups: the last", published("srv-1.5.0"), resource.Watch{TagFilter: `^(srv|cli)-(.*)$`}, "", "1.5.0", ""},
		{"tag_filter without a group: the whole match", published("srv-9.9.9", "1.5.0-lts", "1.4.0-lts"), resource.Watch{TagFilter: `^\d+\.\d+\.\d+`}, "", "1.5.0", ""},
		{"tag_filter whose group is empty", published("srv-", "srv-1.0.0"), resource.Watch{TagFilter: `^srv-(.*)$`}, "", "1.0.0", ""},
		{"min_age counts from publication", one, resource.Watch{MinAge: days(2)}, "", "1.2.0", ""},
		{"min_age reached to the second", one, resource.Watch{MinAge: days(1)}, "", "1.3.0", ""},
		{"min_age does not take the given version back", one, resource.Watch{MinAge: days(2)}, "1.3.0", "1.3.0", ""},
		{"min_age with allow_downgrade does not either", one, resource.Watch{MinAge: days(2), AllowDowngrade: true}, "1.3.0", "1.3.0", ""},
		{"deny and constraint", one, resource.Watch{Version: "<1.3.0", Deny: []string{"1.2.0"}}, "", "1.1.0", ""},
		{"given withdrawn", one[1:], resource.Watch{}, "1.3.0", "1.3.0", "c: 1.3.0 was withdrawn upstream, or never was; staying with it"},
		{"given withdrawn, going back allowed", one[1:], resource.Watch{AllowDowngrade: true}, "1.3.0", "1.3.0 1.2.0", "going back from 1.3.0 to 1.2.0"},
		{"given vanished, a newer follows", one[:1], resource.Watch{}, "1.2.0", "1.2.0 1.3.0", "1.2.0 was withdrawn upstream, or never was; 1.3.0 follows it"},
		{"given is not a version", one, resource.Watch{}, "main", "main 1.3.0", `c: the given "main" is not a version; 1.3.0 follows it`},
		{"assets are there", []github.Release{withAssets(one[0], "p-linux", "p-darwin"), one[1]}, resource.Watch{Assets: []string{"*-linux"}}, "", "1.3.0", ""},
		{"an asset is not there yet", []github.Release{withAssets(one[0], "p-linux"), withAssets(one[1], "p-linux", "p-darwin")}, resource.Watch{Assets: []string{"*-linux", "*-darwin"}}, "", "1.2.0",
			`c: 1.3.0 is not offered yet: its release has no asset that matches "*-darwin"`},
		{"one of two assets of a glob is being uploaded", []github.Release{uploading(withAssets(one[0], "p-linux", "p-darwin"), "p-darwin"), withAssets(one[1], "p-linux")}, resource.Watch{Assets: []string{"p-*"}}, "", "1.2.0",
			`c: 1.3.0 is not offered yet: its upload is under way, or was broken off: asset "p-darwin"`},
		{"another asset is being uploaded", []github.Release{uploading(withAssets(one[0], "p-linux", "notes"), "notes")}, resource.Watch{Assets: []string{"p-*"}}, "", "1.3.0", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.watch.GitHub = repo
			h := &hub{releases: c.releases}
			got, log, err := checkOne(t, h, nil, c.watch, c.at)
			if err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("versions = %q, want %q", got, c.want)
			}
			if (c.log == "") != (log == "") || !strings.Contains(log, c.log) {
				t.Errorf("log = %q, want %q", log, c.log)
			}
			if n := len(h.requests()); n != 1 {
				t.Errorf("%d requests for a short list, want 1: %v", n, h.requests())
			}
		})
	}
}

func TestCheck_findsAHighVersionBehindManyPatchesInThreeRequests(t *testing.T) {
	tags := append(patches("1.4", 200), "v2.0.0")
	tags = append(tags, patches("1.3", 799)...)
	h := &hub{releases: published(tags...)}
	got, _, err := checkOne(t, h, nil, resource.Watch{GitHub: repo}, "1.4.199")
	if err != nil || got != "1.4.199 2.0.0" {
		t.Fatalf("versions = %q, error = %v", got, err)
	}
	want := []string{"releases " + repo + " page 1 of 20", "tags " + repo, "release " + repo + " v2.0.0"}
	if diff := cmp.Diff(want, h.requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestCheck_needsNoMoreRequestsThanItMust(t *testing.T) {
	long := published(patches("1.0", 1000)...)
	unready := func(n int) []github.Release { // the newest n lack the asset
		list := append([]github.Release(nil), long...)
		for i := n; i < len(list); i++ {
			list[i] = withAssets(list[i], "p-linux")
		}
		return list
	}
	scattered := func() []github.Release { // each high version is behind the first page
		tags := append(patches("1.0", 120), "v3.0.0", "v3.1.0", "v3.2.0", "v3.3.0", "v3.4.0", "v3.5.0")
		list := published(tags...)
		for i := 120; i < len(list); i++ {
			list[i].PreRelease = true
		}
		return list
	}
	var ghosts []string
	for i := range 50 {
		ghosts = append(ghosts, fmt.Sprintf("v5.0.%d", i))
	}
	cases := []struct {
		name     string
		releases []github.Release
		tags     []string // without a release
		watch    resource.Watch
		want     string
		requests int // without a token
		token    int // with one
	}{
		{"exactly a first page", long[:20], nil, resource.Watch{}, "1.0.999", 1, 1},
		{"one more than a first page, newest is highest", long[:21], nil, resource.Watch{}, "1.0.999", 2, 2},
		{"1000, newest is highest", long, nil, resource.Watch{}, "1.0.999", 2, 2},
		{"1000, and a draft of the newest", slices.Insert(slices.Clone(long), 1, draft(long[0])), nil, resource.Watch{}, "1.0.999", 2, 2},
		{"one tag without a release", long, ghosts[:1], resource.Watch{}, "1.0.999", 3, 3},
		{"four tags without a release", long, ghosts[:4], resource.Watch{}, "1.0.999", 1 + 1 + 4, 3},
		{"four tags without a release, and assets", unready(0), ghosts[:4], resource.Watch{Assets: []string{"p-*"}}, "1.0.999", 1 + 1 + 4, 3},
		{"four tags without a release, and one behind the first page", behind(long, "v2.0.0"), ghosts[:4], resource.Watch{}, "2.0.0", 1 + 1 + 5, 3},
		{"the same with assets", behind(unready(0), "v2.0.0"), ghosts[:4], resource.Watch{Assets: []string{"p-*"}}, "2.0.0", 1 + 1 + 5, 4},
		{"two tags without a release, few releases", long[:40], ghosts[:2], resource.Watch{}, "1.0.999", 3, 3},
		{"many tags without a release: the list is read whole", long, ghosts, resource.Watch{}, "1.0.999", 1 + 1 + 10, 3},
		{"high versions that do not count", scattered(), nil, resource.Watch{}, "1.0.119", 1 + 1 + 1 + 2, 3},
		{"ten on the first page are not ready", unready(10), nil, resource.Watch{Assets: []string{"p-*"}}, "1.0.989", 2, 2},
		{"a hundred are not ready", unready(100), nil, resource.Watch{Assets: []string{"p-*"}}, "1.0.899", 1 + 1 + 1 + 10, 5},
		{"drafts need the whole list", long, nil, resource.Watch{Drafts: true}, "1.0.999", 1 + 10, 1 + 10},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.watch.GitHub = repo
			for _, token := range []bool{false, true} {
				h := &hub{releases: c.releases, tags: c.tags, token: token}
				got, _, err := checkOne(t, h, nil, c.watch, "")
				if err != nil || got != c.want {
					t.Fatalf("token %v: version = %q, error = %v, want %q", token, got, err, c.want)
				}
				most := c.requests
				if token {
					most = c.token
				}
				if n := len(h.requests()); n > most {
					t.Errorf("token %v: %d requests, want at most %d: %v", token, n, most, h.requests())
				}
			}
		})
	}
}

// behind puts a release with asset p-linux far back in a list.
func behind(list []github.Release, tag string) []github.Release {
	return slices.Insert(slices.Clone(list), 500, withAssets(published(tag)[0], "p-linux"))
}

// Where many tags cannot be asked for at once, they are asked for one by one, or the
// list is read: the answer is the same.
func TestCheck_findsTheSameWhereGraphQLIsOutOfOrder(t *testing.T) {
	h := &hub{releases: behind(published(patches("1.0", 1000)...), "v2.0.0"), tags: []string{"v5.0.0", "v5.0.1", "v5.0.2"}, token: true}
	h.fail = func(request string) error {
		if strings.HasPrefix(request, "by tags") {
			return errors.New("502 Bad Gateway")
		}
		return nil
	}
	got, log, err := checkOne(t, h, nil, resource.Watch{GitHub: repo}, "")
	if err != nil || got != "2.0.0" || log != "c: asking for one tag after the other: 502 Bad Gateway\n" || len(h.requests()) != 1+1+1+4 {
		t.Errorf("version = %q, error = %v, log %q, %d requests", got, err, log, len(h.requests()))
	}
}

// Of what was asked for at once the assets are names alone: whether they are whole is
// asked before a release is offered.
func TestCheck_offersNoHalfReleaseBehindTheFirstPage(t *testing.T) {
	list := behind(published(patches("1.0", 1000)...), "v2.0.0")
	for i := range list {
		list[i] = withAssets(list[i], "p-linux")
	}
	list[500].Assets = uploading(withAssets(published("v2.0.0")[0], "p-linux"), "p-linux").Assets
	h := &hub{releases: list, tags: []string{"v5.0.0"}, token: true}
	got, log, err := checkOne(t, h, nil, resource.Watch{GitHub: repo, Assets: []string{"p-*"}}, "")
	if err != nil || got != "1.0.999" || !strings.HasPrefix(log, "c: 2.0.0 is not offered yet: its upload is under way") {
		t.Errorf("version = %q, error = %v, log %q", got, err, log)
	}
}

// What was asked for at once does not even say how the rest of a long list of assets is
// asked for.
func TestCheck_findsAnAssetFarDownTheListOfAReleaseBehindTheFirstPage(t *testing.T) {
	list := behind(published(patches("1.0", 1000)...), "v2.0.0")
	list[0] = withAssets(list[0], "p-linux")
	list[500].Assets, list[500].AssetsCut = []github.Asset{asset("a-1")}, true
	h := &hub{releases: list, tags: []string{"v5.0.0"}, token: true,
		cut: map[int64][]github.Asset{list[500].ID: {asset("a-1"), asset("p-linux")}}}
	got, log, err := checkOne(t, h, nil, resource.Watch{GitHub: repo, Assets: []string{"p-*"}}, "")
	if err != nil || got != "2.0.0" || len(h.requests()) != 1+1+1+2 {
		t.Errorf("version = %q, error = %v, log %q, requests %v", got, err, log, h.requests())
	}
}

func TestCheck_goesOnWhereAReleaseIsWithdrawnMeanwhile(t *testing.T) {
	list := behind(published(patches("1.0", 1000)...), "v2.0.0")
	list[0] = withAssets(list[0], "p-linux")
	h := &hub{releases: list, tags: []string{"v5.0.0"}, token: true}
	h.fail = func(request string) error {
		if strings.HasPrefix(request, "release ") {
			return github.ErrNotFound
		}
		return nil
	}
	if got, log, err := checkOne(t, h, nil, resource.Watch{GitHub: repo, Assets: []string{"p-*"}}, ""); err != nil || got != "1.0.999" {
		t.Errorf("version = %q, error = %v, log %q, requests %v", got, err, log, h.requests())
	}
}

func TestCheck_asksForTheAssetsOfACutList(t *testing.T) {
	r := withAssets(published("v1.0.0")[0], "a-1", "a-2")
	r.AssetsCut = true
	h := &hub{releases: []github.Release{r}, cut: map[int64][]github.Asset{r.ID: {asset("a-1"), asset("p-linux")}}}
	for _, c := range []struct {
		globs    []string
		requests int
	}{{nil, 1}, {[]string{"p-*"}, 2}} {
		h.asked = nil
		got, _, err := checkOne(t, h, nil, resource.Watch{GitHub: repo, Assets: c.globs}, "")
		if err != nil || got != "1.0.0" || len(h.requests()) != c.requests {
			t.Errorf("globs %v: version = %q, error = %v, requests = %v", c.globs, got, err, h.requests())
		}
	}
}

func TestCheck_endsAPagingLoop(t *testing.T) {
	for _, next := range []int{1, 2} {
		h := &hub{releases: published(patches("1.0", 300)...)}
		h.nextPage = func(page int) int { return min(page+1, next) }
		got, _, err := checkOne(t, h, nil, resource.Watch{GitHub: repo, Drafts: true}, "")
		if err == nil || got != "" || !strings.Contains(err.Error(), fmt.Sprintf("names page %d as the next one", next)) {
			t.Errorf("versions = %q, error = %v", got, err)
		}
		if n := len(h.requests()); n > 4 {
			t.Errorf("%d requests before the loop was seen", n)
		}
	}
}

func TestCheck_passesOnWhatGitHubAnswers(t *testing.T) {
	limited := errors.New("rate limit")
	for _, request := range []string{"releases", "tags", "release ", "assets"} {
		r := withAssets(published("v9.0.0")[0], "x")
		r.AssetsCut = true
		h := &hub{releases: append(published(patches("1.0", 30)...), r)}
		h.fail = func(asked string) error {
			if strings.HasPrefix(asked, request) {
				return limited
			}
			return nil
		}
		got, _, err := checkOne(t, h, nil, resource.Watch{GitHub: repo, Assets: []string{"x"}}, "")
		if got != "" || !errors.Is(err, limited) || !strings.HasPrefix(err.Error(), "component c: ") {
			t.Errorf("%s: versions = %q, error = %v", request, got, err)
		}
	}
}

func TestCheck_saysThatAGitHubRepositoryOffersNothing(t *testing.T) {
	cases := []struct {
		name     string
		releases []github.Release
		watch    resource.Watch
		want     string
	}{
		{"no releases", nil, resource.Watch{}, "find versions in " + repo + ": there is none that counts"},
		{"filter", published("v1.0.0"), resource.Watch{TagFilter: "^x-"}, "there is none that satisfies tag_filter ^x-; passed over: 1 tag that tag_filter does not match, v1.0.0"},
		{"a filter that takes no version", published("x-a1", "x-b", "y"), resource.Watch{TagFilter: "^x-(.*)$"}, "; passed over: 2 tags of which tag_filter takes no version, such as x-a1; 1 tag that tag_filter does not match, y"},
		{"tags of another scheme", published("release-1.2.3", "release-1.10.0"), resource.Watch{}, "there is none that counts; passed over: 2 tags that are not versions, such as release-1.2.3 (tag_filter says where in a tag the version is: ^release-v?(.*)$)"},
		{"pre-releases", []github.Release{preRelease(published("v1.0.0")[0])}, resource.Watch{}, "; passed over: 1 pre-release, 1.0.0 (pre_release: true would admit such)"},
		{"drafts", []github.Release{draft(published("v1.0.0")[0])}, resource.Watch{}, "; passed over: 1 draft, v1.0.0 (drafts: true would admit such)"},
		{"two limits", published("v1.0.0"), resource.Watch{Version: "1.x", MinAge: days(3)}, "satisfies version 1.x and min_age 72h"},
		{"assets of a long list", published(patches("1.0", 150)...), resource.Watch{Assets: []string{"p"}}, "satisfies assets p"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.watch.GitHub = repo
			_, _, err := checkOne(t, &hub{releases: c.releases}, nil, c.watch, "")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error = %v, want %q", err, c.want)
			}
		})
	}
}

// TestIn_takesTheReleaseThatCheckOffered has two tags of one version, in both
// orders; check and in must mean the same release.
func TestIn_takesTheReleaseThatCheckOffered(t *testing.T) {
	for _, tags := range [][]string{{"v1.0.0", "1.0.0"}, {"1.0.0", "v1.0.0"}} {
		for _, ready := range tags { // only one of the two has the asset
			h := &hub{releases: published(tags...)}
			for i, r := range h.releases {
				if r.Tag == ready {
					h.releases[i] = withAssets(r, "p-linux")
				}
			}
			for _, globs := range [][]string{{"p-*"}, nil} {
				w := resource.Watch{GitHub: repo, Assets: globs}
				version, _, err := checkOne(t, h, nil, w, "")
				if err != nil || version != "1.0.0" {
					t.Fatalf("version = %q, error = %v", version, err)
				}
				dir, _, err := in(t, newSet(h, nil, &bytes.Buffer{}), watching(w), given(version), nil)
				if err != nil {
					t.Errorf("tags %v, asset in %s: %v", tags, ready, err)
					continue
				}
				set, err := component.ReadSet(dir)
				want := "https://github.com/" + repo + "/releases/tag/v1.0.0"
				if globs != nil {
					want = "https://github.com/" + repo + "/releases/tag/" + ready
				}
				if err != nil || set[0].NotesURL != want {
					t.Errorf("tags %v: release = %+v, error = %v, want %s", tags, set, err, want)
				}
			}
		}
	}
}

func TestIn_findsADraft(t *testing.T) {
	list := published("v1.1.0", "v1.0.0")
	list[0] = draft(list[0])
	h := &hub{releases: list}
	for _, drafts := range []bool{true, false} {
		_, result, err := in(t, newSet(h, nil, &bytes.Buffer{}), watching(resource.Watch{GitHub: repo, Drafts: drafts}), given("1.1.0"), nil)
		if drafts && (err != nil || result.Metadata[0].Value != "1.1.0") {
			t.Errorf("result = %+v, error = %v", result, err)
		}
		if !drafts && (err == nil || !strings.Contains(err.Error(), "not found upstream any more")) {
			t.Errorf("error = %v, want that a draft does not count", err)
		}
	}
}
