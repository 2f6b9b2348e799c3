// Package component describes what could be deployed: releases, stemcells, programs and
// images with their versions and where they come from, and the files that hand a set of
// them to the steps after a get. pkg/upstream finds them.
package component

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/plain"
	"github.com/perpetual-ci/perpetual/pkg/signature"
)

// The kinds of components, as components.json names them. How each is found is in a file
// of pkg/upstream.
const (
	KindRelease  = "release"  // a BOSH release on bosh.io
	KindStemcell = "stemcell" // a BOSH stemcell on bosh.io
	KindGitHub   = "github"   // a GitHub release
	KindImage    = "image"    // a container image in a registry
)

// Component is one member of a set, as components.json holds it.
type Component struct {
	Name     string            `json:"name"`              // "concourse", the key in source.watch
	Kind     string            `json:"kind"`              // "release"
	Upstream string            `json:"upstream"`          // "github.com/concourse/concourse-bosh-release"
	Version  string            `json:"version"`           // "8.2.5"
	Tag      string            `json:"tag,omitempty"`     // GitHub: "v8.2.5", what the version was read from
	URL      string            `json:"url"`               // where the director or a person fetches it
	SHA1     string            `json:"sha1,omitempty"`    // hex
	SHA256   string            `json:"sha256,omitempty"`  // hex
	Size     int64             `json:"size,omitempty"`    // bytes; 0 where the upstream does not say
	NotesURL string            `json:"notes_url"`         // release notes, for people
	Network  dial.Network      `json:"network,omitempty"` // of the server that named the URL: "private"; "" is the internet
	File     string            `json:"file,omitempty"`    // downloaded: "concourse/release.tgz"
	Assets   []Asset           `json:"assets,omitempty"`  // GitHub: the files that the globs chose
	Digest   string            `json:"digest,omitempty"`  // of an image's manifest: "sha256:…"
	Images   map[string]string `json:"images,omitempty"`  // Perpetual: {"resource": "sha256:…"}, as its release's signed statement says
}

// ImageTag is how the image of Perpetual's resource type is named in its repository: by
// the signed digest, or, where the release is not signed, by the version.
func (c Component) ImageTag() string { return cmp.Or(c.Images[signature.Resource], c.Version) }

// Asset is one file of a GitHub release.
type Asset struct {
	Name   string `json:"name"`             // "perpetual-linux-amd64"
	URL    string `json:"url"`              // for browsers and curl
	SHA256 string `json:"sha256,omitempty"` // hex, the API's digest
	Size   int64  `json:"size"`             // bytes
	File   string `json:"file,omitempty"`   // downloaded: "perpetual/assets/perpetual-linux-amd64"
}

// Legible refuses a component whose upstream gives names or addresses with characters
// that people cannot see: they go into files, and from there to the director.
func (c Component) Legible() error {
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

// digest is of an image, or of the image of Perpetual's resource type.
func (c Component) digest() string { return cmp.Or(c.Digest, c.Images[signature.Resource]) }

// image names an image by its digest; "" for what is none.
func (c Component) image() string {
	if c.Kind != KindImage {
		return ""
	}
	return c.Upstream + "@" + c.Digest
}

// files are the component's own files in a set, by name. What is empty is left out.
func (c Component) files() map[string]string {
	files := map[string]string{
		"version": c.Version, "url": c.URL, "sha1": c.SHA1, "sha256": c.SHA256, "tag": c.Tag,
		"digest": c.digest(), "installer_digest": c.Images[signature.Installer], "image": c.image(),
	}
	if c.Kind == KindImage {
		files["repository"] = c.Upstream
	}
	return files
}

// Vars are the component's variables: concourse_version, concourse_url, …
func (c Component) Vars() map[string]string {
	own := c.files()
	delete(own, "tag") // for people and scripts; what is deployed is the version
	if c.Kind == KindStemcell {
		own["name"] = c.Upstream // which a manifest may ask for
	}
	vars := map[string]string{}
	for key, value := range own {
		if value != "" || key == "version" || key == "url" {
			vars[strings.ReplaceAll(c.Name, "-", "_")+"_"+key] = value
		}
	}
	return vars
}
