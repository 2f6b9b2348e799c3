package registry

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"
)

// hub is the registry of images whose name has none, as Docker has made usual.
const hub = "docker.io"

// Image is a repository of a registry.
type Image struct {
	Host string // "ghcr.io", "registry.example.com:5000", "docker.io"
	Path string // "acme/tool", "library/alpine"
}

// String is the image's whole name: "ghcr.io/acme/tool".
func (i Image) String() string { return i.Host + "/" + i.Path }

// Names of repositories and tags (OCI Distribution Specification 1.1, "Pulling manifests"),
// and of hosts.
var (
	repositoryName = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	})
	tagName  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`) })
	hostName = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?$`)
	})
)

// HostName is the one name that a registry has here, of those that people give it:
// "docker.io" for "index.docker.io" and for "registry-1.docker.io".
func HostName(host string) string {
	switch host = strings.ToLower(host); host {
	case "index.docker.io", hubHost:
		return hub
	}
	return host
}

// ManifestURL is where a manifest is, by its digest: "https://ghcr.io/v2/acme/tool/manifests/sha256:9f86…".
func (i Image) ManifestURL(digest string) string {
	return base(i.Host).JoinPath(i.Path, "manifests", digest).String() //nolint:gosec // an image's path has no dots of its own: Parse has checked it
}

// base is where a registry's API is.
func base(host string) *url.URL {
	if host == hub {
		host = hubHost
	}
	return &url.URL{Scheme: "https", Host: host, Path: "/v2/"}
}

// Parse reads the name of an image. The first part is a registry where it has a dot or a
// port, or is localhost; otherwise the image is Docker Hub's, and one without an owner is
// its library's.
func Parse(text string) (Image, error) {
	image := Image{Host: hub, Path: text}
	if first, rest, ok := strings.Cut(text, "/"); ok && (strings.ContainsAny(first, ".:[") || first == "localhost") {
		image = Image{Host: first, Path: rest}
	}
	image.Host = HostName(image.Host)
	if image.Host == hub && !strings.Contains(image.Path, "/") {
		image.Path = "library/" + image.Path
	}
	if !hostName().MatchString(image.Host) || !repositoryName().MatchString(image.Path) || len(text) > 255 {
		return Image{}, fmt.Errorf("want registry/repository in lower case, without a tag or digest, such as ghcr.io/acme/tool, got %q", text)
	}
	return image, nil
}
