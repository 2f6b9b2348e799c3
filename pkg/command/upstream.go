package command

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/artifact"
	"github.com/perpetual-ci/perpetual/pkg/boshio"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/github"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// set joins the adapters of the upstreams to component.Set.
func (c *call) set(s resource.Source) (component.Set, error) {
	hub, err := github.New(github.Config{
		URL: s.GitHub.URL, Token: s.GitHub.Token, CACert: s.GitHub.CACert, Notify: c.notify, Debug: c.debug,
		Policy: patience(retry.Default),
	})
	if err != nil {
		return component.Set{}, fmt.Errorf("source.github: %w", err)
	}
	bosh, err := boshio.New(boshio.Config{
		URL: s.BoshIO.URL, CACert: s.BoshIO.CACert, Notify: c.notify, Debug: c.debug, Policy: patience(retry.Default),
	})
	if err != nil {
		return component.Set{}, fmt.Errorf("source.bosh_io: %w", err)
	}
	return component.Set{
		Upstreams: component.Upstreams{GitHub: gitHub{hub}, BoshIO: boshIO{bosh}},
		Fetcher: fetcher{artifact.Config{
			CACert: s.GitHub.CACert + "\n" + s.BoshIO.CACert, Log: c.log, Debug: c.debug, Policy: patience(artifact.DefaultPolicy),
		}},
		Now: time.Now, Log: c.log, Debug: c.debug, Deadline: upstreamDeadline,
	}, nil
}

// patience is a policy with its waits as they are in this build.
func patience(p retry.Policy) retry.Policy {
	p.First, p.Max = crash.Scale(p.First), crash.Scale(p.Max)
	return p
}

// gitHub speaks component's language over the adapter.
type gitHub struct{ client *github.Client }

// Releases implements component.GitHub.
func (g gitHub) Releases(ctx context.Context, repo string, page, perPage int) ([]component.GitHubRelease, int, error) {
	list, next, err := g.client.Releases(ctx, repo, page, perPage)
	if err != nil {
		return nil, 0, g.missing(err)
	}
	releases := make([]component.GitHubRelease, len(list))
	for i, r := range list {
		releases[i] = gitHubRelease(r)
	}
	return releases, next, nil
}

// Tags implements component.GitHub.
func (g gitHub) Tags(ctx context.Context, repo string) ([]string, error) {
	tags, err := g.client.Tags(ctx, repo)
	return tags, g.missing(err)
}

// ReleaseByTag implements component.GitHub.
func (g gitHub) ReleaseByTag(ctx context.Context, repo, tag string) (component.GitHubRelease, error) {
	r, err := g.client.ReleaseByTag(ctx, repo, tag)
	if err != nil {
		return component.GitHubRelease{}, g.missing(err)
	}
	return gitHubRelease(r), nil
}

// ReleasesByTags implements component.GitHub.
func (g gitHub) ReleasesByTags(ctx context.Context, repo string, tags []string) (map[string]component.GitHubRelease, error) {
	list, err := g.client.ReleasesByTags(ctx, repo, tags)
	if err != nil {
		return nil, g.missing(err)
	}
	releases := map[string]component.GitHubRelease{}
	for tag, r := range list {
		release := gitHubRelease(r)
		release.Partial = true
		releases[tag] = release
	}
	return releases, nil
}

// Assets implements component.GitHub.
func (g gitHub) Assets(ctx context.Context, repo string, id int64) ([]component.GitHubAsset, error) {
	list, err := g.client.Assets(ctx, repo, id)
	return gitHubAssets(list), g.missing(err)
}

// Content implements component.GitHub.
func (g gitHub) Content(ctx context.Context, repo, assetURL string, from dial.Network, max int64) ([]byte, error) {
	text, err := g.client.Content(ctx, repo, assetURL, from, max)
	return text, g.missing(err)
}

// Header implements component.GitHub.
func (g gitHub) Header(assetURL string) http.Header { return g.client.Header(assetURL) }

func gitHubRelease(r github.Release) component.GitHubRelease {
	return component.GitHubRelease{
		ID: r.ID, Tag: r.Tag, URL: r.URL, Draft: r.Draft, PreRelease: r.PreRelease,
		CreatedAt: r.CreatedAt, PublishedAt: r.PublishedAt,
		Assets: gitHubAssets(r.Assets), AssetsCut: r.AssetsCut,
	}
}

func gitHubAssets(list []github.Asset) []component.GitHubAsset {
	var out []component.GitHubAsset
	for _, a := range list {
		out = append(out, component.GitHubAsset{
			Name: a.Name, APIURL: a.URL, URL: a.BrowserURL, SHA256: a.SHA256, Size: a.Size,
			Uploading: a.Uploading, Network: a.Network,
		})
	}
	return out
}

func (gitHub) missing(err error) error {
	return translate(err, github.ErrNotFound, component.ErrNotFound)
}

// boshIO speaks component's language over the adapter.
type boshIO struct{ client *boshio.Client }

// Releases implements component.BoshIO.
func (b boshIO) Releases(ctx context.Context, repository string) ([]component.Tarball, error) {
	list, err := b.client.Releases(ctx, repository)
	if err != nil {
		return nil, translate(err, boshio.ErrNotFound, component.ErrNotFound)
	}
	out := make([]component.Tarball, len(list))
	for i, r := range list {
		out[i] = component.Tarball{Version: r.Version, URL: r.URL, SHA1: r.SHA1, SHA256: r.SHA256, Network: r.Network}
	}
	return out, nil
}

// Stemcells implements component.BoshIO.
func (b boshIO) Stemcells(ctx context.Context, name string) ([]component.Stemcell, error) {
	list, err := b.client.Stemcells(ctx, name)
	if err != nil {
		return nil, translate(err, boshio.ErrNotFound, component.ErrNotFound)
	}
	out := make([]component.Stemcell, len(list))
	for i, s := range list {
		out[i] = component.Stemcell{Version: s.Version, Light: tarball(s.Light), Regular: tarball(s.Regular)}
	}
	return out, nil
}

// LastModified implements component.BoshIO.
func (b boshIO) LastModified(ctx context.Context, url string, from dial.Network) (time.Time, error) {
	return b.client.LastModified(ctx, url, from)
}

func tarball(t *boshio.Tarball) *component.Tarball {
	if t == nil {
		return nil
	}
	return &component.Tarball{URL: t.URL, SHA1: t.SHA1, SHA256: t.SHA256, Size: t.Size, Network: t.Network}
}

// fetcher speaks component's language over the adapter, which is made only when
// there is something to fetch: reading the system's certificates takes longer
// than all of check.
type fetcher struct{ config artifact.Config }

// Fetch implements component.Fetcher.
func (f fetcher) Fetch(ctx context.Context, files ...component.Download) error {
	fetch, err := artifact.New(f.config)
	if err != nil {
		return err
	}
	list := make([]artifact.File, len(files))
	for i, d := range files {
		list[i] = artifact.File(d)
	}
	return fetch.Fetch(ctx, list...)
}

// translate adds to, of an upper package, to an error that is from, of an adapter.
func translate(err, from, to error) error {
	if errors.Is(err, from) {
		return &translated{err, to}
	}
	return err
}

// translated reads as the adapter's error and is both.
type translated struct{ err, also error }

// Error implements error.
func (t *translated) Error() string { return t.err.Error() }

// Unwrap gives both to errors.Is.
func (t *translated) Unwrap() []error { return []error{t.err, t.also} }
