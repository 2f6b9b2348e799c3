package component

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/component/candidate"
	"github.com/perpetual-ci/perpetual/pkg/github"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/signature"
)

// KindGitHub is a GitHub release.
const KindGitHub = "github"

// gitHub is the kind of GitHub releases.
type gitHub struct{}

func (gitHub) key() string                      { return KindGitHub }
func (gitHub) upstream(w resource.Watch) string { return w.GitHub }
func (gitHub) takes() []string {
	return []string{"min_age", "tag_filter", "drafts", "assets", "unverified", "keys", "allow_unsigned"}
}

func (gitHub) asked(s resource.Source, _ resource.Watch) (key, url string) {
	return "github.url", s.GitHub.URL
}

func (gitHub) validate(w resource.Watch) error {
	if owner, repository, ok := strings.Cut(w.GitHub, "/"); !ok || owner == "" || repository == "" || strings.Contains(repository, "/") {
		return fmt.Errorf("github: want owner/repository, got %q", w.GitHub)
	}
	return nil
}

// pins takes an asset by name, or as VERSION/name where the name is the same in every release.
func (gitHub) pins(key string) string {
	if key == "" || strings.Trim(key, "/") != key || strings.Count(key, "/") > 1 {
		return "the name of an asset, or VERSION/NAME"
	}
	return ""
}

// files has the tag, and of Perpetual itself the digests of its images.
func (gitHub) files(c Component) map[string]string {
	return map[string]string{"tag": c.Tag, "digest": c.Images[signature.Resource], "installer_digest": c.Images[signature.Installer]}
}

// vars has the digests of Perpetual's images.
func (gitHub) vars(c Component) map[string]string {
	return map[string]string{"digest": c.Images[signature.Resource], "installer_digest": c.Images[signature.Installer]}
}

// isProgram says whether a component is Perpetual itself, or a fork of it: it runs with
// all that the pipeline may do, so its releases have to be signed.
func isProgram(name string, w resource.Watch) bool {
	return w.GitHub != "" && (name == resource.ProgramComponent || strings.EqualFold(w.GitHub, resource.ProgramRepository) || len(w.Keys) > 0)
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

// newest finds the release with the highest version.
func (gitHub) newest(ctx context.Context, f *finder, given string) (found, error) {
	releases, next, err := f.up.GitHub.Releases(ctx, f.watch.GitHub, 1, firstPage)
	if err != nil {
		return found{}, err
	}
	if next == 0 {
		return f.fromReleases(ctx, releases, given)
	}
	if f.watch.Drafts { // drafts have no tags
		return f.fromAllPages(ctx, given)
	}
	tags, err := f.up.GitHub.Tags(ctx, f.watch.GitHub)
	if err != nil {
		return found{}, err
	}
	candidates, over := f.picker.Tags(tags)
	f.over = over
	s := f.newSearch(releases, tags, given)
	for i, c := range candidates {
		if !s.known(c) {
			whole, err := s.ask(ctx, candidates[i:])
			if err != nil {
				return found{}, err
			}
			if whole {
				return f.fromAllPages(ctx, given)
			}
		}
		release, ok := s.listed[c.Label]
		if !ok {
			continue
		}
		component, ok, err := s.usable(ctx, release, c)
		if err != nil {
			return found{}, err
		}
		if ok {
			f.sayPassedOver(c.Text)
			return found{component: component, withdrawn: given != "" && !f.tagged(tags, given)}, nil
		}
	}
	return found{}, f.errNothing(f.watch.GitHub)
}

// fromAllPages reads the whole list: what is needed where tags do not tell.
func (f *finder) fromAllPages(ctx context.Context, given string) (found, error) {
	all, err := f.allReleases(ctx)
	if err != nil {
		return found{}, err
	}
	return f.fromReleases(ctx, all, given)
}

func (f *finder) allReleases(ctx context.Context) ([]github.Release, error) {
	var all []github.Release
	for page := 1; page != 0; {
		releases, next, err := f.up.GitHub.Releases(ctx, f.watch.GitHub, page, fullPage)
		if err != nil {
			return nil, err
		}
		all = append(all, releases...)
		if next != 0 && next <= page {
			return nil, fmt.Errorf("list releases of %s: page %d names page %d as the next one", f.watch.GitHub, page, next)
		}
		page = next
	}
	return all, nil
}

// fromReleases chooses from a list that is known to be whole.
func (f *finder) fromReleases(ctx context.Context, releases []github.Release, given string) (found, error) {
	byTag := map[string]github.Release{}
	var tags []string
	var drafts candidate.Tally
	for _, r := range releases {
		if r.Draft && !f.watch.Drafts { // it may have the tag of a release
			drafts.Add(r.Tag)
			continue
		}
		if _, seen := byTag[r.Tag]; !seen {
			byTag[r.Tag] = r
			tags = append(tags, r.Tag)
		}
	}
	candidates, over := f.picker.Tags(tags)
	over.Drafts = drafts
	f.over = over
	for _, c := range candidates {
		component, ok, err := f.usable(ctx, byTag[c.Label], c, given)
		if err != nil {
			return found{}, err
		}
		if ok {
			f.sayPassedOver(c.Text)
			return found{component: component, withdrawn: given != "" && !f.tagged(tags, given)}, nil
		}
	}
	return found{}, f.errNothing(f.watch.GitHub)
}

// tagged says whether a tag of that version is among tags.
func (f *finder) tagged(tags []string, version string) bool {
	for _, tag := range tags {
		if v, ok := f.picker.Version(tag); ok && v == version {
			return true
		}
	}
	return false
}

// usable says whether a release may be offered, and as what. The given version
// is in use already, so min_age does not take it back.
func (f *finder) usable(ctx context.Context, r github.Release, of candidate.Candidate, given string) (c Component, ok bool, err error) {
	if !f.counts(r, of, given) {
		if r.PreRelease && !f.watch.PreRelease { // whatever its version looks like
			f.over.PreReleases = append(f.over.PreReleases, of)
		}
		return Component{}, false, nil
	}
	c, err = f.fromGitHub(ctx, r, of.Text)
	if err == nil && of.Text != given && f.signed() {
		var made time.Time
		if made, err = f.authenticate(ctx, r, &c); err == nil && !f.old(made) {
			return Component{}, false, nil
		}
	}
	if incomplete(err) {
		f.over.Unready(of.Text, err)
		return Component{}, false, nil
	}
	return c, err == nil, err
}

// counts says whether a release may be offered, whatever its assets.
func (f *finder) counts(r github.Release, of candidate.Candidate, given string) bool {
	date := r.PublishedAt
	if date.IsZero() {
		date = r.CreatedAt
	}
	return (!r.Draft || f.watch.Drafts) && (!r.PreRelease || f.watch.PreRelease) && (of.Text == given || f.old(date))
}

// What a release lacks that is not whole yet, or never will be: a glob has no asset, as
// the release is still being uploaded or the glob is wrong; it has one that is; or it is
// not signed, or not yet.
var (
	errNoAsset   = errors.New("its release has no asset that matches")
	errUploading = errors.New("its upload is under way, or was broken off: asset")
	errUnsigned  = errors.New("its release is not signed")
)

// incomplete says whether err is one of these.
func incomplete(err error) bool {
	return errors.Is(err, errNoAsset) || errors.Is(err, errUploading) || errors.Is(err, errUnsigned)
}

// fromGitHub describes a release, for check: without globs its assets do not
// matter. It fails with errNoAsset or errUploading.
func (f *finder) fromGitHub(ctx context.Context, r github.Release, version string) (Component, error) {
	return f.describe(ctx, r, version, f.watch.Assets)
}

// fetchable describes a release, for in: without globs all of its assets count.
func (f *finder) fetchable(ctx context.Context, r github.Release, version string) (Component, error) {
	c, err := f.whole(ctx, r, version)
	if err == nil && f.signed() {
		_, err = f.authenticate(ctx, r, &c)
	}
	return c, err
}

// whole describes a release with all files that could be downloaded.
func (f *finder) whole(ctx context.Context, r github.Release, version string) (Component, error) {
	if len(f.watch.Assets) > 0 || len(r.Assets) == 0 {
		return f.fromGitHub(ctx, r, version)
	}
	if err := f.complete(ctx, &r); err != nil {
		return Component{}, err
	}
	var whole []github.Asset
	var uploading []string
	for _, a := range r.Assets {
		if a.Uploading() { // matters to whoever downloads
			uploading = append(uploading, a.Name)
		} else {
			whole = append(whole, a)
		}
	}
	var globs []string
	if r.Assets = whole; len(whole) > 0 {
		globs = []string{"*"}
	}
	c, err := f.describe(ctx, r, version, globs)
	c.uploading = uploading
	return c, err
}

func (f *finder) describe(ctx context.Context, r github.Release, version string, globs []string) (Component, error) {
	if len(globs) > 0 {
		if err := f.complete(ctx, &r); err != nil {
			return Component{}, err
		}
	}
	assets, err := chosen(globs, r.Assets)
	if err != nil {
		return Component{}, err
	}
	c := Component{
		Name: f.name, Kind: KindGitHub, Upstream: f.watch.GitHub, Version: version,
		Tag: r.Tag, URL: r.URL, NotesURL: r.URL, Assets: assets, header: f.up.GitHub.Header,
	}
	if len(assets) == 1 { // one file is what the component is
		c.URL, c.SHA256, c.Size, c.Network = assets[0].URL, assets[0].SHA256, assets[0].Size, assets[0].network
	}
	return c, nil
}

// complete asks for the assets of a release whose own list may be cut.
func (f *finder) complete(ctx context.Context, r *github.Release) (err error) {
	if r.AssetsCut {
		r.Assets, err = f.up.GitHub.Assets(ctx, f.watch.GitHub, r.ID)
		r.AssetsCut = false
	}
	return err
}

// exactly finds the release of one version through the tags that give it.
func (gitHub) exactly(ctx context.Context, f *finder, version string) (Component, error) {
	if f.watch.Drafts {
		return f.exactInPages(ctx, version)
	}
	tags, err := f.up.GitHub.Tags(ctx, f.watch.GitHub)
	if err != nil {
		return Component{}, err
	}
	tags = slices.DeleteFunc(slices.Clone(tags), func(tag string) bool {
		v, ok := f.picker.Version(tag)
		return !ok || v != version
	})
	// v1.0.0 beside 1.0.0 is one version: the same is taken as by check.
	slices.SortFunc(tags, func(a, b string) int { return strings.Compare(b, a) })
	missing := errMissing
	for _, tag := range tags {
		release, err := f.up.GitHub.ReleaseByTag(ctx, f.watch.GitHub, tag)
		if errors.Is(err, github.ErrNotFound) {
			continue
		}
		if err != nil {
			return Component{}, err
		}
		c, err := f.fetchable(ctx, release, version)
		if !incomplete(err) {
			return c, err
		}
		missing = err
	}
	return Component{}, missing
}

func (f *finder) exactInPages(ctx context.Context, version string) (Component, error) {
	all, err := f.allReleases(ctx)
	if err != nil {
		return Component{}, err
	}
	for _, r := range all {
		if v, ok := f.picker.Version(r.Tag); ok && v == version {
			return f.fetchable(ctx, r, version)
		}
	}
	return Component{}, errMissing
}
