package director

import (
	"net/http"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/uuid"
)

// routes are those of releases and stemcells.
func (t *stock) routes() []route {
	return slices.Concat(t.releaseRoutes(), t.stemcellRoutes(), []route{
		{method: "POST", path: "/cleanup", consumes: consumesJSON, handle: t.cleanUp},
	})
}

func (t *stock) releaseRoutes() []route {
	return []route{
		{method: "GET", path: "/releases", needs: needsList, handle: t.listReleases},
		{method: "GET", path: "/releases/:name", needs: needsList, handle: t.showRelease},
		{method: "POST", path: "/releases", needs: needsReleaseUpload, consumes: consumesJSON, handle: t.postRelease},
		{method: "POST", path: "/releases", needs: needsReleaseUpload, consumes: consumesCompressed, handle: t.postRelease},
		{method: "DELETE", path: "/releases/:name", handle: t.deleteRelease},
		{method: "POST", path: "/packages/matches", needs: needsReleaseUpload, consumes: consumesYAML, handle: t.matchPackages},
		{method: "POST", path: "/packages/matches_compiled", needs: needsReleaseUpload, consumes: consumesYAML, handle: func(c *call) { c.list([]string{}) }},
	}
}

func (t *stock) listReleases(c *call) {
	t.Lock()
	defer t.Unlock()
	c.list(t.series())
}

// packageView is a package of GET /releases/NAME.
type packageView struct {
	Name         string   `json:"name"`
	SHA1         string   `json:"sha1"`    // "sha256:f528…"
	Version      string   `json:"version"` // the fingerprint
	Dependencies []string `json:"dependencies"`
}

// jobView is a job of GET /releases/NAME.
type jobView struct {
	Name     string   `json:"name"`
	SHA1     string   `json:"sha1"`
	Version  string   `json:"version"` // the fingerprint
	Packages []string `json:"packages"`
}

// versionPart is a job of GET /releases/NAME?version=V.
type versionPart struct {
	Name        string `json:"name"`
	Fingerprint string `json:"fingerprint"`
	BlobstoreID string `json:"blobstore_id"`
	SHA1        string `json:"sha1"`
	Consumes    []any  `json:"consumes,omitempty"`
	Provides    []any  `json:"provides,omitempty"`
}

// showRelease answers GET /releases/NAME: jobs and packages of all versions,
// or of one in the shape that the CLI's inspect-release reads.
func (t *stock) showRelease(c *call) {
	name := c.params["name"]
	t.Lock()
	defer t.Unlock()
	versions := t.versions(name)
	if len(versions) == 0 {
		c.fail(http.StatusNotFound, failure(30005, "Release '%s' doesn't exist", name))
		return
	}
	if version := c.query.Get("version"); version != "" {
		r := t.findRelease(name, version)
		if r == nil {
			c.fail(http.StatusNotFound, failure(30006, "Release version '%s/%s' doesn't exist", name, version))
			return
		}
		c.json(map[string]any{"jobs": versionParts(r.jobs), "packages": packageParts(r.packages)})
		return
	}
	answer := struct {
		Packages []packageView `json:"packages"`
		Jobs     []jobView     `json:"jobs"`
		Versions []string      `json:"versions"`
	}{[]packageView{}, []jobView{}, nil}
	for _, r := range versions {
		answer.Versions = append(answer.Versions, r.version)
	}
	newest := versions[len(versions)-1]
	for _, p := range newest.packages {
		answer.Packages = append(answer.Packages, packageView{p.name, p.sha1, p.fingerprint, append([]string{}, p.needs...)})
	}
	for _, p := range newest.jobs {
		answer.Jobs = append(answer.Jobs, jobView{p.name, p.sha1, p.fingerprint, append([]string{}, p.needs...)})
	}
	c.json(answer)
}

func versionParts(parts []*part) []versionPart {
	views := []versionPart{}
	for _, p := range parts {
		views = append(views, versionPart{Name: p.name, Fingerprint: p.fingerprint, BlobstoreID: uuid.New(), SHA1: p.sha1})
	}
	return views
}

// matchPackages answers POST /packages/matches: the fingerprints that are here
// already, which a client then leaves out of its upload.
func (t *stock) matchPackages(c *call) {
	_, m, f := c.yaml()
	if f != nil {
		c.fail(http.StatusBadRequest, f)
		return
	}
	t.Lock()
	known := t.fingerprints()
	t.Unlock()
	found := []string{}
	for _, p := range readParts(m, "packages", "dependencies") {
		if known[p.fingerprint] {
			found = append(found, p.fingerprint)
		}
	}
	c.list(found)
}
