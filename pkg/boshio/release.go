package boshio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"github.com/perpetual-ci/perpetual/pkg/dial"
)

// wireRelease is one element of GET /api/v1/releases/github.com/ORG/REPO, as
// bosh.io answered.
type wireRelease struct {
	Version string `json:"version"` // "7.3.2"
	URL     string `json:"url"`     // "https://bosh.io/d/github.com/concourse/concourse-bosh-release?v=7.3.2"
	SHA1    string `json:"sha1"`    // "e464cb907d7436a43f712b71d6dbde0fdce4be6d"
	SHA256  string `json:"sha256"`  // absent or "" for releases of before 2018
}

// Releases gives all versions of a release, in the server's order, by the
// repository it is known by: github.com/ORG/REPO. It fails with ErrNotFound for
// a repository that bosh.io does not list, ErrUnavailable, ErrNotJSON or another
// *StatusError.
func (c *Client) Releases(ctx context.Context, repository string) ([]Tarball, error) {
	if !validPath(repository, 3) {
		return nil, fmt.Errorf("list releases of %q: the repository is not of the form github.com/org/repo", repository)
	}
	var releases []Tarball
	err := c.list(ctx, "api/v1/releases/"+repository, func(element json.RawMessage, from dial.Network) error {
		release, err := c.decodeRelease(element, from)
		if err == nil {
			releases = append(releases, release)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list releases of %s: %w", repository, err)
	}
	return releases, nil
}

// decodeRelease checks one element of the list.
func (c *Client) decodeRelease(element json.RawMessage, from dial.Network) (Tarball, error) {
	var w wireRelease
	if err := json.Unmarshal(element, &w); err != nil {
		return Tarball{}, err
	}
	if w.Version == "" {
		return Tarball{}, errors.New("it has no version")
	}
	file, err := c.file(w.URL, from)
	if err != nil {
		return Tarball{}, fmt.Errorf("version %s: %w", w.Version, err)
	}
	sha1, sha256 := digests(w.SHA1, w.SHA256)
	return Tarball{Version: w.Version, URL: file, SHA1: sha1, SHA256: sha256, Network: from}, nil
}

// file makes a listed URL absolute: mirrors may list paths of their own. One that leads
// where the server may not send anybody is refused as far as it can be seen in it.
func (c *Client) file(listed string, from dial.Network) (string, error) {
	u, err := c.base.Parse(listed)
	if listed == "" || err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return "", fmt.Errorf("%q is not the URL of a file", listed)
	}
	if err := dial.CheckURL(u, from); err != nil {
		return "", err
	}
	if c.base.Scheme == "https" && u.Scheme == "http" {
		return "", fmt.Errorf("the url %q is not https", (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String())
	}
	return u.String(), nil
}
