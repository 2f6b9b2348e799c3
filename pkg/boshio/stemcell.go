package boshio

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/dial"
)

// Stemcell is one version of a stemcell with the files that it comes in. A
// light one only refers to an image that the IaaS holds, a regular one contains
// it. Each file has digests of its own.
type Stemcell struct {
	Version string   // 1.484
	Light   *Tarball // nil if there is none, or none yet
	Regular *Tarball // nil if there is none
}

// Tarball is a file of a release or stemcell.
type Tarball struct {
	Version string       // 7.3.2; of a stemcell the Stemcell has it
	URL     string       // "https://bosh.io/d/github.com/concourse/concourse-bosh-release?v=7.3.2"
	Size    int64        // bytes; 0 if unknown, as of every release
	SHA1    string       // hex
	SHA256  string       // hex; empty for the older ones
	Network dial.Network // of the server whose list has it
}

// wireStemcell is one element of GET /api/v1/stemcells/NAME, as bosh.io answered.
type wireStemcell struct {
	Version string       `json:"version"` // "1.13"
	Light   *wireTarball `json:"light"`   // absent where there is none
	Regular *wireTarball `json:"regular"` // absent where there is none
}

// wireTarball is one file of a stemcell.
type wireTarball struct {
	URL    string `json:"url"`    // "https://storage.googleapis.com/bosh-core-stemcells/1.13/bosh-stemcell-1.13-aws-….tgz"
	Size   int64  `json:"size"`   // 615361591, bytes
	SHA1   string `json:"sha1"`   // "b13608680dd5c439d6acb058dd45fb6ad695296c"
	SHA256 string `json:"sha256"` // absent or "" for stemcells of before 2018
}

// Stemcells gives all versions of a stemcell, not only the newest of each line,
// in the server's order. It fails with ErrNotFound for a name that bosh.io does
// not list, and otherwise as Releases does.
func (c *Client) Stemcells(ctx context.Context, name string) ([]Stemcell, error) {
	if !validPath(name, 1) {
		return nil, fmt.Errorf("list stemcells %q: that is not a valid stemcell name", name)
	}
	var stemcells []Stemcell
	err := c.list(ctx, "api/v1/stemcells/"+name+"?all=1", func(element json.RawMessage, from dial.Network) error {
		stemcell, err := c.decodeStemcell(element, from)
		if err == nil {
			stemcells = append(stemcells, stemcell)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list stemcells %s: %w", name, err)
	}
	return stemcells, nil
}

// decodeStemcell checks one element of the list.
func (c *Client) decodeStemcell(element json.RawMessage, from dial.Network) (Stemcell, error) {
	var w wireStemcell
	if err := json.Unmarshal(element, &w); err != nil {
		return Stemcell{}, err
	}
	if w.Version == "" {
		return Stemcell{}, errors.New("it has no version")
	}
	light, err := c.tarball(w.Light, from)
	if err != nil {
		return Stemcell{}, fmt.Errorf("version %s, light: %w", w.Version, err)
	}
	regular, err := c.tarball(w.Regular, from)
	if err != nil {
		return Stemcell{}, fmt.Errorf("version %s, regular: %w", w.Version, err)
	}
	if light == nil && regular == nil {
		return Stemcell{}, fmt.Errorf("version %s has no file", w.Version)
	}
	return Stemcell{Version: w.Version, Light: light, Regular: regular}, nil
}

// tarball checks one file; an absent one stays absent.
func (c *Client) tarball(w *wireTarball, from dial.Network) (*Tarball, error) {
	if w == nil || *w == (wireTarball{}) {
		return nil, nil
	}
	file, err := c.file(w.URL, from)
	if err != nil {
		return nil, err
	}
	if w.Size < 0 {
		return nil, fmt.Errorf("its size is %d", w.Size)
	}
	sha1, sha256 := digests(w.SHA1, w.SHA256)
	return &Tarball{URL: file, Size: w.Size, SHA1: sha1, SHA256: sha256, Network: from}, nil
}

// digests keeps what has the form of a digest, in lower case. BOSH also writes
// a SHA-256 where a SHA-1 is expected, with a prefix.
func digests(sha1, sha256 string) (string, string) {
	if text, ok := strings.CutPrefix(sha1, "sha256:"); ok {
		sha1 = ""
		if sha256 == "" {
			sha256 = text
		}
	}
	return digest(sha1, 20), digest(strings.TrimPrefix(sha256, "sha256:"), 32)
}

// digest is text if it is the hex form of size bytes.
func digest(text string, size int) string {
	if raw, err := hex.DecodeString(text); err != nil || len(raw) != size {
		return ""
	}
	return strings.ToLower(text)
}
