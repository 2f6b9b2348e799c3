// Package component finds out what could be deployed: the newest set of
// releases, stemcells and programs that the watched upstreams offer, and the
// files that describe a set to the steps after a get.
package component

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/boshio"
	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/github"
	"github.com/perpetual-ci/perpetual/pkg/plain"
	"github.com/perpetual-ci/perpetual/pkg/registry"
	"github.com/perpetual-ci/perpetual/pkg/signature"
)

// Component is one member of a set, as components.json holds it.
type Component struct {
	Name     string                       `json:"name"`              // "concourse", the key in source.watch
	Kind     string                       `json:"kind"`              // "release"
	Upstream string                       `json:"upstream"`          // "github.com/concourse/concourse-bosh-release"
	Version  string                       `json:"version"`           // "8.2.5"
	Tag      string                       `json:"tag,omitempty"`     // GitHub: "v8.2.5", what the version was read from
	URL      string                       `json:"url"`               // where the director or a person fetches it
	SHA1     string                       `json:"sha1,omitempty"`    // hex
	SHA256   string                       `json:"sha256,omitempty"`  // hex
	Size     int64                        `json:"size,omitempty"`    // bytes; 0 where the upstream does not say
	NotesURL string                       `json:"notes_url"`         // release notes, for people
	Network  dial.Network                 `json:"network,omitempty"` // of the server that named the URL: "private"; "" is the internet
	File     string                       `json:"file,omitempty"`    // downloaded: "concourse/release.tgz"
	Assets   []Asset                      `json:"assets,omitempty"`  // GitHub: the files that the globs chose
	Digest   string                       `json:"digest,omitempty"`  // of an image's manifest: "sha256:…"
	Images   map[string]string            `json:"images,omitempty"`  // Perpetual: {"resource": "sha256:…"}, as its release's signed statement says
	header   func(url string) http.Header // GitHub: how assets are asked for

	uploading []string // GitHub: files that are not whole yet, where all files count
}

// ImageTag is how the image of Perpetual's resource type is named in its repository: by
// the signed digest, or, where the release is not signed, by the version.
func (c Component) ImageTag() string { return cmp.Or(c.Images[signature.Resource], c.Version) }

// Asset is one file of a GitHub release.
type Asset struct {
	Name       string       `json:"name"`             // "perpetual-linux-amd64"
	URL        string       `json:"url"`              // for browsers and curl
	SHA256     string       `json:"sha256,omitempty"` // hex, the API's digest
	Size       int64        `json:"size"`             // bytes
	File       string       `json:"file,omitempty"`   // downloaded: "perpetual/assets/perpetual-linux-amd64"
	unverified bool         // wanted though no digest is known
	unsigned   bool         // of a signed release, and its statement does not have it
	network    dial.Network // of the server that named apiURL
	apiURL     string       // asked for with Accept: application/octet-stream, also where the repository is private
}

// legible refuses a component whose upstream gives names or addresses with characters
// that people cannot see: they go into files, and from there to the director.
func (c Component) legible() error {
	texts := [][2]string{{"tag", c.Tag}, {"url", c.URL}, {"url of the notes", c.NotesURL}}
	for _, a := range c.Assets {
		texts = append(texts, [2]string{"asset's name", a.Name}, [2]string{"asset's url", a.URL})
	}
	for _, t := range texts {
		if plain.Escape(t[1]) != t[1] || strings.ContainsAny(t[1], "\n\t") {
			return fmt.Errorf("version %s is refused: its %s, %s, has characters that cannot be seen", c.Version, t[0], plain.Value(strconv.Quote(t[1])))
		}
	}
	return nil
}

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

// BoshIO is what this package asks of bosh.io. Lists come in any order.
type BoshIO interface {
	// Releases fails with boshio.ErrNotFound for an unknown repository.
	Releases(ctx context.Context, repository string) ([]boshio.Tarball, error)
	// Stemcells fails with boshio.ErrNotFound for an unknown name.
	Stemcells(ctx context.Context, name string) ([]boshio.Stemcell, error)
	// LastModified is when a tarball was published, whose URL a server in a network named.
	LastModified(ctx context.Context, url string, from dial.Network) (time.Time, error)
}

// Registry is what this package asks of registries of images.
type Registry interface {
	// Tags gives all tags in any order; it fails with registry.ErrNotFound for an unknown image.
	Tags(ctx context.Context, image registry.Image) ([]string, error)
	// Digest is that of the manifest that a tag names; it fails with registry.ErrNotFound.
	Digest(ctx context.Context, image registry.Image, tag string) (string, error)
	// Confirm fails with registry.ErrNotFound where there is no manifest of a digest.
	Confirm(ctx context.Context, image registry.Image, digest string) error
}

// Upstreams are the places that components come from.
type Upstreams struct {
	GitHub   GitHub
	BoshIO   BoshIO
	Registry Registry
}
