package github

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	api "github.com/google/go-github/v60/github"

	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// cutAt is the number of assets from which a release's own list may be cut: the
// smallest page of GitHub's lists (REST API, "Using pagination").
const cutAt = 30

// Release is what is kept of a release object (GitHub REST API 2022-11-28, "Releases").
type Release struct {
	ID          int64     `json:"id"`       // 1
	Tag         string    `json:"tag_name"` // "v1.0.0"; of a draft the tag that it will get
	URL         string    `json:"html_url"` // "https://github.com/octocat/Hello-World/releases/v1.0.0", for people
	Draft       bool      `json:"draft"`    // seen only with a token that may push
	PreRelease  bool      `json:"prerelease"`
	CreatedAt   time.Time `json:"created_at"`   // "2013-02-27T19:35:32Z", of the tagged commit
	PublishedAt time.Time `json:"published_at"` // null for a draft, which is zero here
	Assets      []Asset   `json:"assets"`
	AssetsCut   bool      `json:"-"` // so many are listed that some may be missing: ask Assets
	Partial     bool      `json:"-"` // of its assets only the names are known
}

// Asset is what is kept of a release asset object: one file of a release.
type Asset struct {
	URL        string       `json:"url"`                  // "https://api.github.com/repos/octocat/Hello-World/releases/assets/1"; gives the file when asked with Header
	BrowserURL string       `json:"browser_download_url"` // "https://github.com/octocat/Hello-World/releases/download/v1.0.0/example.zip", for people, and for tools without a token
	Name       string       `json:"name"`                 // "example.zip"
	State      string       `json:"state"`                // "uploaded"; "starter" while an upload is under way
	Size       int64        `json:"size"`                 // 1024, bytes
	SHA256     Digest       `json:"digest"`               // "sha256:2151b604e3429bff440b9fbc03eb3617bc2603cda96c95b9bb05277f9ddba255", or null
	Network    dial.Network `json:"-"`                    // of the server that named the URLs
}

// Uploading says that a file is not whole yet, or that its upload was broken off: it
// cannot be fetched.
func (a Asset) Uploading() bool { return a.State != "" && a.State != "uploaded" }

// Digest is a SHA-256 in hex; empty for files from before June 2025, of which the API has
// none.
type Digest string

// UnmarshalText takes the SHA-256 out of "sha256:…"; any other form is not a digest.
func (d *Digest) UnmarshalText(text []byte) error {
	*d = ""
	hexed, ok := strings.CutPrefix(string(text), "sha256:")
	if raw, err := hex.DecodeString(hexed); ok && err == nil && len(raw) == 32 {
		*d = Digest(strings.ToLower(hexed))
	}
	return nil
}

// Releases gives one page of a repository's releases, newest commit first, which
// is not the order of their versions, and the number of the next page, 0 after
// the last. perPage is at most 100. It fails with ErrNotFound, ErrUnauthorized,
// ErrForbidden, ErrUnavailable, ErrNotJSON or *RateLimitError.
func (c *Client) Releases(ctx context.Context, repo string, page, perPage int) (releases []Release, next int, err error) {
	path := fmt.Sprintf("releases?per_page=%d&page=%d", perPage, page)
	next, err = c.get(ctx, repo, path, func(res *api.Response) error {
		releases, err = decodeReleases(res.Body, retry.Network(res.Response))
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("list releases of %s: %w", repo, err)
	}
	return releases, next, nil
}

// ReleaseByTag gives the published release of one tag. It fails with ErrNotFound
// when there is none, and as Releases does.
func (c *Client) ReleaseByTag(ctx context.Context, repo, tag string) (release Release, err error) {
	_, err = c.get(ctx, repo, "releases/tags/"+url.PathEscape(tag), func(res *api.Response) error {
		err := decodeWhole(res.Body, &release)
		release.listed(retry.Network(res.Response))
		return err
	})
	if err != nil {
		return Release{}, fmt.Errorf("get release %s of %s: %w", tag, repo, err)
	}
	return release, nil
}

// Assets gives all assets of a release, with as many requests as that
// takes. It fails as Releases does.
func (c *Client) Assets(ctx context.Context, repo string, id int64) ([]Asset, error) {
	var all []Asset
	for page := 1; page != 0; {
		path := fmt.Sprintf("releases/%d/assets?per_page=100&page=%d", id, page)
		next, err := c.get(ctx, repo, path, func(res *api.Response) error {
			from := retry.Network(res.Response)
			return decodeList(res.Body, func(a Asset) {
				a.Network = from
				all = append(all, a)
			})
		})
		if err != nil {
			return nil, fmt.Errorf("list assets of release %d of %s: %w", id, repo, err)
		}
		page = following(page, next)
	}
	return all, nil
}

// following is the page to ask after page; a server that points back ends the walk.
func following(page, next int) int {
	if next <= page {
		return 0
	}
	return next
}

// decodeReleases decodes a page of releases as it streams in.
func decodeReleases(body io.Reader, from dial.Network) ([]Release, error) {
	releases := []Release{}
	err := decodeList(body, func(r Release) {
		r.listed(from)
		releases = append(releases, r)
	})
	return releases, err
}

// errNotList says that a body is JSON but not the list that was asked for.
var errNotList = errors.New("it is not a list")

// decodeList decodes a JSON array one element at a time, so that only what is
// kept stays in memory, and refuses a body that ends early or goes on.
func decodeList[T any](body io.Reader, each func(T)) error {
	decoder := json.NewDecoder(body)
	token, err := decoder.Token()
	if err != nil {
		return err
	}
	if token != json.Delim('[') {
		return errNotList
	}
	for decoder.More() {
		var element T
		if err := decoder.Decode(&element); err != nil {
			return err
		}
		each(element)
	}
	if _, err := decoder.Token(); err != nil {
		return err
	}
	return ended(decoder)
}

// decodeWhole decodes a body that is one JSON object.
func decodeWhole(body io.Reader, v any) error {
	decoder := json.NewDecoder(body)
	if err := decoder.Decode(v); err != nil {
		return err
	}
	return ended(decoder)
}

// ended is nil when nothing but space follows.
func ended(decoder *json.Decoder) error {
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more follows after its end")
	}
	return nil
}

// listed notes what a release's own list of assets does not say: whether it may be cut,
// and the network of the server that it is from.
func (r *Release) listed(from dial.Network) {
	r.AssetsCut = len(r.Assets) >= cutAt
	for i := range r.Assets {
		r.Assets[i].Network = from
	}
}
