// Package repository finds the newest release of a GitHub repository that counts, or one of
// a given version, with as few requests as it can.
package repository

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/github"
	"github.com/perpetual-ci/perpetual/pkg/upstream/candidate"
)

// GitHub is what this package asks of GitHub.
type GitHub interface {
	// Releases gives one page, newest creation first, and the next page's number, 0 for none.
	Releases(ctx context.Context, repo string, page, perPage int) ([]github.Release, int, error)
	// Tags gives the names of all tags.
	Tags(ctx context.Context, repo string) ([]string, error)
	// ReleaseByTag fails with github.ErrNotFound for a tag without a published release.
	ReleaseByTag(ctx context.Context, repo, tag string) (github.Release, error)
	// ReleasesByTags gives those of up to 100 tags that have a published release, in one
	// request, with the names of their assets alone. It fails with
	// errors.ErrUnsupported, without a request, where that cannot be had.
	ReleasesByTags(ctx context.Context, repo string, tags []string) (map[string]github.Release, error)
	// Assets gives all assets of a release whose own list may be cut.
	Assets(ctx context.Context, repo string, id int64) ([]github.Asset, error)
	// Header is what a download of an asset's API URL needs.
	Header(assetURL string) http.Header
	// Content gives a small file of a release, of at most max bytes, by its API URL, which
	// a server of a network has named.
	Content(ctx context.Context, repo, assetURL string, from dial.Network, max int64) ([]byte, error)
}

// Finder looks for releases of the repository that its Watch names.
type Finder struct {
	*candidate.Chooser
	GitHub GitHub
}

// GitHub lists releases by date of creation, and a high version may be older
// than a hundred patch releases of lower lines. So the first page alone proves
// nothing, and all pages are slow and eat the rate limit. The names of all tags
// come in one request of some hundred bytes each: they say which versions
// exist, and the release of the highest is then asked for by its tag. Tags may have
// no release, and many of them are asked for at once where there is a token.
const (
	firstPage = 20  // most repositories' newest release is on it, in a fifth of the bytes
	fullPage  = 100 // GitHub's maximum
)

// Newest finds the release with the highest version that counts. withdrawn says that
// given, the version in use, is certainly gone. It fails with a candidate.NothingError
// where no release counts.
func (f Finder) Newest(ctx context.Context, given string) (newest component.Component, withdrawn bool, err error) {
	releases, next, err := f.GitHub.Releases(ctx, f.Watch.GitHub, 1, firstPage)
	if err != nil {
		return component.Component{}, false, err
	}
	if next == 0 {
		return f.fromReleases(ctx, releases, given)
	}
	if f.Watch.Drafts { // drafts have no tags
		return f.fromAllPages(ctx, given)
	}
	tags, err := f.GitHub.Tags(ctx, f.Watch.GitHub)
	if err != nil {
		return component.Component{}, false, err
	}
	candidates := f.FromTags(tags)
	s := f.newSearch(releases, tags, given)
	for i, c := range candidates {
		if !s.known(c) {
			whole, err := s.ask(ctx, candidates[i:])
			if err != nil {
				return component.Component{}, false, err
			}
			if whole {
				return f.fromAllPages(ctx, given)
			}
		}
		release, ok := s.listed[c.Label]
		if !ok {
			continue
		}
		offer, ok, err := s.usable(ctx, release, c)
		if err != nil {
			return component.Component{}, false, err
		}
		if ok {
			return offer, f.choose(c, tags, given), nil
		}
	}
	return component.Component{}, false, f.Nothing(f.Watch.GitHub)
}

// choose tells what was passed over for a candidate, and whether the given version is gone.
func (f Finder) choose(c candidate.Candidate, tags []string, given string) (withdrawn bool) {
	f.SayPassedOver(c.Text)
	return given != "" && len(f.TagsOf(given, tags)) == 0
}

// fromAllPages reads the whole list: what is needed where tags do not tell.
func (f Finder) fromAllPages(ctx context.Context, given string) (newest component.Component, withdrawn bool, err error) {
	all, err := f.allReleases(ctx)
	if err != nil {
		return component.Component{}, false, err
	}
	return f.fromReleases(ctx, all, given)
}

// allReleases reads every page of the list.
func (f Finder) allReleases(ctx context.Context) ([]github.Release, error) {
	var all []github.Release
	for page := 1; page != 0; {
		releases, next, err := f.GitHub.Releases(ctx, f.Watch.GitHub, page, fullPage)
		if err != nil {
			return nil, err
		}
		all = append(all, releases...)
		if next != 0 && next <= page {
			return nil, fmt.Errorf("list releases of %s: page %d names page %d as the next one", f.Watch.GitHub, page, next)
		}
		page = next
	}
	return all, nil
}

// fromReleases chooses from a list that is known to be whole.
func (f Finder) fromReleases(ctx context.Context, releases []github.Release, given string) (newest component.Component, withdrawn bool, err error) {
	byTag := map[string]github.Release{}
	var tags []string
	var drafts candidate.Tally
	for _, r := range releases {
		if r.Draft && !f.Watch.Drafts { // it may have the tag of a release
			drafts.Add(r.Tag)
			continue
		}
		if _, seen := byTag[r.Tag]; !seen {
			byTag[r.Tag] = r
			tags = append(tags, r.Tag)
		}
	}
	candidates := f.FromTags(tags)
	f.Over.Drafts = drafts
	for _, c := range candidates {
		offer, ok, err := f.usable(ctx, byTag[c.Label], c, given)
		if err != nil {
			return component.Component{}, false, err
		}
		if ok {
			return offer, f.choose(c, tags, given), nil
		}
	}
	return component.Component{}, false, f.Nothing(f.Watch.GitHub)
}

// Exactly finds the release of one version through the tags that give it. It fails with
// candidate.ErrMissing where there is none, and where the release is not as the source's
// digests or its own signature want it.
func (f Finder) Exactly(ctx context.Context, version string) (*Release, error) {
	r, err := f.exactly(ctx, version)
	if err == nil {
		err = f.pin(r)
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// exactly is Exactly before the source's digests.
func (f Finder) exactly(ctx context.Context, version string) (*Release, error) {
	if f.Watch.Drafts {
		return f.exactInPages(ctx, version)
	}
	tags, err := f.GitHub.Tags(ctx, f.Watch.GitHub)
	if err != nil {
		return nil, err
	}
	tags = f.TagsOf(version, tags)
	// v1.0.0 beside 1.0.0 is one version: the same is taken as by check.
	slices.SortFunc(tags, func(a, b string) int { return strings.Compare(b, a) })
	missing := candidate.ErrMissing
	for _, tag := range tags {
		release, err := f.GitHub.ReleaseByTag(ctx, f.Watch.GitHub, tag)
		if errors.Is(err, github.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		r, err := f.fetchable(ctx, release, version)
		if !incomplete(err) {
			return r, err
		}
		missing = err
	}
	return nil, missing
}

// exactInPages looks for one version in the whole list.
func (f Finder) exactInPages(ctx context.Context, version string) (*Release, error) {
	all, err := f.allReleases(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range all {
		if v, ok := f.Version(r.Tag); ok && v == version {
			return f.fetchable(ctx, r, version)
		}
	}
	return nil, candidate.ErrMissing
}
