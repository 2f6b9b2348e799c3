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

// Release is one release of a repository.
type Release struct {
	ID          int64
	Tag         string // of a draft: the tag that it will get
	Name        string
	URL         string // the page for people
	Draft       bool   // seen only with a token that may push
	PreRelease  bool
	CreatedAt   time.Time // of the tagged commit
	PublishedAt time.Time // zero for a draft
	Assets      []Asset
	AssetsCut   bool // so many are listed that some may be missing: ask Assets
}

// Asset is one file of a release.
type Asset struct {
	Name       string
	URL        string // in the API; gives the file when asked with Header
	BrowserURL string // for people, and for tools without a token
	Size       int64
	SHA256     string       // hex, from the API's digest; empty for files older than that (June 2025)
	Uploading  bool         // it is not whole yet, or its upload was broken off: it cannot be fetched
	Network    dial.Network // of the server that named the URLs
}

// wireRelease is what is kept of a release object (GitHub REST API 2022-11-28,
// "Releases").
type wireRelease struct {
	ID          int64       `json:"id"`       // 1
	TagName     string      `json:"tag_name"` // "v1.0.0"
	Name        string      `json:"name"`     // "v1.0.0", null if it has none
	HTMLURL     string      `json:"html_url"` // "https://github.com/octocat/Hello-World/releases/v1.0.0"
	Draft       bool        `json:"draft"`
	PreRelease  bool        `json:"prerelease"`
	CreatedAt   time.Time   `json:"created_at"`   // "2013-02-27T19:35:32Z"
	PublishedAt time.Time   `json:"published_at"` // null for a draft
	Assets      []wireAsset `json:"assets"`
}

// wireAsset is what is kept of a release asset object.
type wireAsset struct {
	URL        string `json:"url"`                  // "https://api.github.com/repos/octocat/Hello-World/releases/assets/1"
	BrowserURL string `json:"browser_download_url"` // "https://github.com/octocat/Hello-World/releases/download/v1.0.0/example.zip"
	Name       string `json:"name"`                 // "example.zip"
	State      string `json:"state"`                // "uploaded"; "starter" while an upload is under way
	Size       int64  `json:"size"`                 // 1024, bytes
	Digest     string `json:"digest"`               // "sha256:2151b604e3429bff440b9fbc03eb3617bc2603cda96c95b9bb05277f9ddba255", or null
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
	var wire wireRelease
	var from dial.Network
	_, err = c.get(ctx, repo, "releases/tags/"+url.PathEscape(tag), func(res *api.Response) error {
		from = retry.Network(res.Response)
		return decodeWhole(res.Body, &wire)
	})
	if err != nil {
		return Release{}, fmt.Errorf("get release %s of %s: %w", tag, repo, err)
	}
	return wire.release(from), nil
}

// Assets gives all assets of a release, with as many requests as that
// takes. It fails as Releases does.
func (c *Client) Assets(ctx context.Context, repo string, id int64) ([]Asset, error) {
	var all []Asset
	for page := 1; page != 0; {
		path := fmt.Sprintf("releases/%d/assets?per_page=100&page=%d", id, page)
		next, err := c.get(ctx, repo, path, func(res *api.Response) error {
			from := retry.Network(res.Response)
			return decodeList(res.Body, func(a wireAsset) { all = append(all, a.asset(from)) })
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
	err := decodeList(body, func(w wireRelease) { releases = append(releases, w.release(from)) })
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

// release keeps what callers see of a release that a server in a network has listed.
func (w wireRelease) release(from dial.Network) Release {
	r := Release{
		ID: w.ID, Tag: w.TagName, Name: w.Name, URL: w.HTMLURL,
		Draft: w.Draft, PreRelease: w.PreRelease,
		CreatedAt: w.CreatedAt, PublishedAt: w.PublishedAt,
		AssetsCut: len(w.Assets) >= cutAt,
	}
	for _, a := range w.Assets {
		r.Assets = append(r.Assets, a.asset(from))
	}
	return r
}

// asset keeps what callers see of an asset that a server in a network has listed.
func (w wireAsset) asset(from dial.Network) Asset {
	return Asset{
		Name: w.Name, URL: w.URL, BrowserURL: w.BrowserURL, Size: w.Size, SHA256: digest(w.Digest),
		Uploading: w.State != "" && w.State != "uploaded", Network: from,
	}
}

// digest takes the SHA-256 out of "sha256:…"; any other form is not a digest.
func digest(text string) string {
	hexed, ok := strings.CutPrefix(text, "sha256:")
	if raw, err := hex.DecodeString(hexed); !ok || err != nil || len(raw) != 32 {
		return ""
	}
	return strings.ToLower(hexed)
}
