package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// manifests are the kinds that a tag may name: an index of several platforms is preferred,
// as its digest is what docker and Concourse pull.
var manifests = strings.Join([]string{
	"application/vnd.oci.image.index.v1+json",
	"application/vnd.docker.distribution.manifest.list.v2+json",
	"application/vnd.oci.image.manifest.v1+json",
	"application/vnd.docker.distribution.manifest.v2+json",
}, ", ")

// Digest gives the digest of the manifest that a tag names, "sha256:…". A registry that
// does not say it is asked for the manifest itself. It fails as Tags does.
func (c *Client) Digest(ctx context.Context, image Image, tag string) (string, error) {
	digest, err := c.digest(ctx, image, tag)
	if err != nil {
		return "", fmt.Errorf("find the digest of %s:%s: %w", image, tag, err)
	}
	return digest, nil
}

func (c *Client) digest(ctx context.Context, image Image, tag string) (string, error) {
	h, target, err := c.manifest(image, tag)
	if err != nil {
		return "", err
	}
	// Docker Hub counts a GET of a manifest as a pull, of which it allows few; not a HEAD.
	res, err := h.send(ctx, http.MethodHead, image.Path, target, manifests)
	if err != nil {
		return "", err
	}
	_ = res.Body.Close()
	if digest := res.Header.Get("Docker-Content-Digest"); digest != "" {
		return digest, h.validDigest(digest)
	}
	return h.hash(ctx, image, target)
}

// Confirm asks for the manifest of a digest, and whether it is that one. It fails with a
// *MismatchError, and as Tags does.
func (c *Client) Confirm(ctx context.Context, image Image, digest string) error {
	h, target, err := c.manifest(image, digest)
	if err == nil {
		err = h.validDigest(digest)
	}
	var got string
	if err == nil {
		got, err = h.hash(ctx, image, target)
	}
	if err == nil && got != digest {
		err = &MismatchError{Host: h.base.Host, Want: digest, Got: got}
	}
	if err != nil {
		return fmt.Errorf("find %s@%s: %w", image, digest, err)
	}
	return nil
}

// manifest is the address of a manifest, by a tag or digest.
func (c *Client) manifest(image Image, reference string) (*host, *url.URL, error) {
	h, err := c.host(image.Host)
	if err != nil {
		return nil, nil, err
	}
	return h, h.base.JoinPath(image.Path, "manifests", reference), nil //nolint:gosec // an image's path has no dots of its own: Parse has checked it
}

// hash is the digest of a manifest, from its text.
func (h *host) hash(ctx context.Context, image Image, target *url.URL) (string, error) {
	res, err := h.send(ctx, http.MethodGet, image.Path, target, manifests)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, res.Body); err != nil {
		return "", fmt.Errorf("read the manifest: %w", err)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}

// validDigest refuses another form, such as sha512, which nothing here could verify.
func (h *host) validDigest(text string) error {
	hexed, ok := strings.CutPrefix(text, "sha256:")
	if raw, err := hex.DecodeString(hexed); !ok || err != nil || len(raw) != sha256.Size || strings.ToLower(hexed) != hexed {
		return fmt.Errorf("%s names the digest %q; want sha256: and 64 hexadecimal digits: %w", h.base.Host, text, ErrNotRegistry)
	}
	return nil
}
