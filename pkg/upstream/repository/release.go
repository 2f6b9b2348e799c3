package repository

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/github"
	"github.com/perpetual-ci/perpetual/pkg/upstream/candidate"
)

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

// usable says whether a release may be offered, and as what. The given version
// is in use already, so min_age does not take it back.
func (f Finder) usable(ctx context.Context, r github.Release, of candidate.Candidate, given string) (c component.Component, ok bool, err error) {
	if !f.counts(r, of, given) {
		if r.PreRelease && !f.Watch.PreRelease { // whatever its version looks like
			f.Over.PreReleases = append(f.Over.PreReleases, of)
		}
		return component.Component{}, false, nil
	}
	offer, err := f.offered(ctx, r, of.Text)
	if err == nil && of.Text != given && f.signed() {
		var made time.Time
		if made, err = f.authenticate(ctx, r, offer); err == nil && !f.Old(made) {
			return component.Component{}, false, nil
		}
	}
	if incomplete(err) {
		f.Over.Unready(of.Text, err)
		return component.Component{}, false, nil
	}
	if err != nil {
		return component.Component{}, false, err
	}
	return offer.Component, true, nil
}

// counts says whether a release may be offered, whatever its assets.
func (f Finder) counts(r github.Release, of candidate.Candidate, given string) bool {
	date := r.PublishedAt
	if date.IsZero() {
		date = r.CreatedAt
	}
	return (!r.Draft || f.Watch.Drafts) && (!r.PreRelease || f.Watch.PreRelease) && (of.Text == given || f.Old(date))
}

// offered describes a release, for check: without globs its assets do not
// matter. It fails with errNoAsset or errUploading.
func (f Finder) offered(ctx context.Context, r github.Release, version string) (*Release, error) {
	return f.describe(ctx, r, version, f.Watch.Assets)
}

// fetchable describes a release, for in: without globs all of its assets count.
func (f Finder) fetchable(ctx context.Context, r github.Release, version string) (*Release, error) {
	release, err := f.whole(ctx, r, version)
	if err == nil && f.signed() {
		_, err = f.authenticate(ctx, r, release)
	}
	return release, err
}

// whole describes a release with all files that could be downloaded.
func (f Finder) whole(ctx context.Context, r github.Release, version string) (*Release, error) {
	if len(f.Watch.Assets) > 0 || len(r.Assets) == 0 {
		return f.offered(ctx, r, version)
	}
	if err := f.complete(ctx, &r); err != nil {
		return nil, err
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
	release, err := f.describe(ctx, r, version, globs)
	if err == nil {
		release.uploading = uploading
	}
	return release, err
}

// describe makes a component of a release, with the assets that the globs choose.
func (f Finder) describe(ctx context.Context, r github.Release, version string, globs []string) (*Release, error) {
	if len(globs) > 0 {
		if err := f.complete(ctx, &r); err != nil {
			return nil, err
		}
	}
	assets, err := chosen(globs, r.Assets)
	if err != nil {
		return nil, err
	}
	release := &Release{header: f.GitHub.Header, Component: component.Component{
		Name: f.Name, Kind: component.KindGitHub, Upstream: f.Watch.GitHub, Version: version, Tag: r.Tag, URL: r.URL, NotesURL: r.URL,
	}}
	for _, a := range assets {
		release.Assets = append(release.Assets, component.Asset{Name: a.Name, URL: a.BrowserURL, SHA256: string(a.SHA256), Size: a.Size})
		release.sources = append(release.sources, source{url: a.URL, network: a.Network})
	}
	if len(assets) == 1 { // one file is what the component is
		only := release.Assets[0]
		release.URL, release.SHA256, release.Size, release.Network = only.URL, only.SHA256, only.Size, assets[0].Network
	}
	return release, nil
}

// complete asks for the assets of a release whose own list may be cut.
func (f Finder) complete(ctx context.Context, r *github.Release) (err error) {
	if r.AssetsCut {
		r.Assets, err = f.GitHub.Assets(ctx, f.Watch.GitHub, r.ID)
		r.AssetsCut = false
	}
	return err
}

// chosen are the assets that the globs choose. It fails with errNoAsset for a glob
// without one, and with errUploading.
func chosen(globs []string, assets []github.Asset) (list []github.Asset, err error) {
	for _, glob := range globs {
		hit := false
		for _, a := range assets {
			if ok, _ := path.Match(glob, a.Name); ok {
				hit = true
			}
		}
		if !hit {
			return nil, fmt.Errorf("%w %q", errNoAsset, glob)
		}
	}
	for _, a := range assets {
		for _, glob := range globs {
			if ok, _ := path.Match(glob, a.Name); ok {
				if a.Uploading() {
					return nil, fmt.Errorf("%w %q", errUploading, a.Name)
				}
				list = append(list, a)
				break
			}
		}
	}
	return list, nil
}
