package stock

import (
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/difference"
	"github.com/perpetual-ci/perpetual/pkg/inventory"
)

// Artifact is a release or stemcell to bring to the director: from a URL, which
// the director fetches and checks by itself, or from a file.
type Artifact struct {
	Stemcell     bool   // otherwise a release
	Name         string // of a stemcell: or its OS
	OS           string
	Version      string
	URL          string
	Network      dial.Network // of the server that named the URL
	Given        bool         // no server did, but the manifest, which is an operator's
	SHA1, SHA256 string       // SHA1 as BOSH takes it: 40 hex digits, or "sha256:9f86d0…"
	File         string       // path; wins over URL
	Content      []byte       // of a release that this program has made; wins over File
	Fix          bool         // replace what is damaged there
	ContextID    string       // by which the task of its upload is found, at most 64 characters
	flawed       bool         // it is listed, and not usable as it is there
}

// isOwn says whether this program has made the artifact.
func (a Artifact) isOwn() bool { return a.Content != nil }

// same says whether another one is the same release or stemcell.
func (a Artifact) same(other Artifact) bool {
	return a.Stemcell == other.Stemcell && a.Name == other.Name && a.OS == other.OS && a.Version == other.Version
}

// isIn says whether a deployment uses it: then the director does not let go of it.
func (a Artifact) isIn(d bosh.Deployment) bool {
	if a.Stemcell {
		return slices.ContainsFunc(d.Stemcells, func(s bosh.Stemcell) bool { return s.Name == a.Name && s.Version == a.Version })
	}
	return slices.Contains(d.Releases, bosh.Release{Name: a.Name, Version: a.Version})
}

// wanted is the artifact as a manifest would ask for it.
func (a Artifact) wanted() inventory.Wanted {
	return inventory.Wanted{Stemcell: a.Stemcell, Name: a.Name, OS: a.OS, Asked: a.Version, Version: a.Version}
}

// Describe names artifacts: "concourse/8.2.1, bpm/1.4.33".
func Describe(list []Artifact) string {
	names := make([]string, len(list))
	for i, a := range list {
		names[i] = a.wanted().String()
	}
	return strings.Join(names, ", ")
}

// OriginLines say of each artifact from where it would be fetched, and by which digests
// it is known: "+ concourse/8.2.5: https://bosh.io/d/…, sha256 9f86…".
func OriginLines(list []Artifact) (lines []string) {
	for _, a := range list {
		parts := []string{difference.URL(a.URL)}
		switch {
		case a.isOwn():
			parts[0] = "this program"
		case a.File != "":
			parts[0] = a.File
		}
		if a.SHA1 != "" && !a.isOwn() {
			parts = append(parts, "sha1 "+a.SHA1)
		}
		if a.SHA256 != "" && !a.isOwn() {
			parts = append(parts, "sha256 "+a.SHA256)
		}
		lines = append(lines, fmt.Sprintf("  + %s: %s", Describe([]Artifact{a}), strings.Join(parts, ", ")))
	}
	return lines
}
