package config

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/signature"
	"github.com/perpetual-ci/perpetual/pkg/version"
)

// Image is what pipeline.image names.
type Image struct {
	Repository string // "registry.example.com:5000/perpetual"
	Version    string // "1.3.0", of one that is pinned
	Digest     string // "sha256:…", of one that is pinned
}

// ParseImage reads a repository, or an image that is pinned, REPOSITORY:VERSION@sha256:….
// A tag alone may be moved, and of a digest alone nobody knows the version, which says
// what the pipeline upgrades to.
func ParseImage(text string) (Image, error) {
	var i Image
	rest, digest, pinned := strings.Cut(text, "@")
	i.Repository, i.Digest = rest, digest
	if at := strings.LastIndex(rest, ":"); at > strings.LastIndex(rest, "/") {
		i.Repository, i.Version = rest[:at], rest[at+1:]
	}
	switch {
	case i.Repository == "" || strings.ContainsAny(i.Repository, " \t\n@") || strings.Contains(i.Repository, "://"):
		return Image{}, fmt.Errorf("%q is not an image; want one such as registry.example.com/perpetual", text)
	case pinned && i.Version == "":
		return Image{}, fmt.Errorf("%s has a digest without a version, so nobody knows which one it is; want REPOSITORY:1.3.0@sha256:…", text)
	case !pinned && i.Version != "":
		return Image{}, fmt.Errorf("%s has a tag, which can be moved; want the repository alone, or REPOSITORY:%s@sha256:…", text, i.Version)
	case !pinned:
		return i, nil
	}
	if err := signature.Digest(i.Digest); err != nil {
		return Image{}, fmt.Errorf("%s: %w", text, err)
	}
	if _, err := version.Parse(i.Version); err != nil {
		return Image{}, fmt.Errorf("%s: its tag is not a version: %w", text, err)
	}
	return i, nil
}

// ProgramImage is the image of pipeline.image, which check.Config has looked at.
func ProgramImage(c *Config) Image {
	i, err := ParseImage(c.Pipeline.Image)
	if err != nil {
		return Image{Repository: c.Pipeline.Image}
	}
	return i
}

// ProgramConstraint says which versions of Perpetual are taken: that of a pinned image, or
// those of versions.perpetual; "" leaves it to the program that runs.
func ProgramConstraint(c *Config) string {
	return cmp.Or(ProgramImage(c).Version, c.Versions.Perpetual)
}
