package artifact

import (
	"net/http"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/uuid"
)

// Routes are those of releases and stemcells.
func (t *Stock) Routes() []api.Route {
	return slices.Concat(t.releaseRoutes(), t.stemcellRoutes(), []api.Route{
		{Method: "POST", Path: "/cleanup", Consumes: api.ConsumesJSON, Handle: t.cleanUp},
	})
}

func (t *Stock) releaseRoutes() []api.Route {
	return []api.Route{
		{Method: "GET", Path: "/releases", Needs: api.NeedsList, Handle: t.listReleases},
		{Method: "GET", Path: "/releases/:name", Needs: api.NeedsList, Handle: t.showRelease},
		{Method: "POST", Path: "/releases", Needs: api.NeedsReleaseUpload, Consumes: api.ConsumesJSON, Handle: t.postRelease},
		{Method: "POST", Path: "/releases", Needs: api.NeedsReleaseUpload, Consumes: api.ConsumesCompressed, Handle: t.postRelease},
		{Method: "DELETE", Path: "/releases/:name", Handle: t.deleteRelease},
		{Method: "POST", Path: "/packages/matches", Needs: api.NeedsReleaseUpload, Consumes: api.ConsumesYAML, Handle: t.matchPackages},
		{Method: "POST", Path: "/packages/matches_compiled", Needs: api.NeedsReleaseUpload, Consumes: api.ConsumesYAML, Handle: func(c *api.Call) { c.List([]string{}) }},
	}
}

func (t *Stock) listReleases(c *api.Call) {
	t.Lock()
	defer t.Unlock()
	c.List(t.series())
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
func (t *Stock) showRelease(c *api.Call) {
	name := c.Params["name"]
	t.Lock()
	defer t.Unlock()
	versions := t.Versions(name)
	if len(versions) == 0 {
		c.Fail(http.StatusNotFound, api.NewFailure(30005, "Release '%s' doesn't exist", name))
		return
	}
	if version := c.Query.Get("version"); version != "" {
		r := t.FindRelease(name, version)
		if r == nil {
			c.Fail(http.StatusNotFound, api.NewFailure(30006, "Release version '%s/%s' doesn't exist", name, version))
			return
		}
		c.JSON(map[string]any{"jobs": versionParts(r.Jobs), "packages": packageParts(r.Packages)})
		return
	}
	answer := struct {
		Packages []packageView `json:"packages"`
		Jobs     []jobView     `json:"jobs"`
		Versions []string      `json:"versions"`
	}{[]packageView{}, []jobView{}, nil}
	for _, r := range versions {
		answer.Versions = append(answer.Versions, r.Version)
	}
	newest := versions[len(versions)-1]
	for _, p := range newest.Packages {
		answer.Packages = append(answer.Packages, packageView{p.Name, p.sha1, p.Fingerprint, append([]string{}, p.Needs...)})
	}
	for _, p := range newest.Jobs {
		answer.Jobs = append(answer.Jobs, jobView{p.Name, p.sha1, p.Fingerprint, append([]string{}, p.Needs...)})
	}
	c.JSON(answer)
}

func versionParts(parts []*Part) []versionPart {
	views := []versionPart{}
	for _, p := range parts {
		views = append(views, versionPart{Name: p.Name, Fingerprint: p.Fingerprint, BlobstoreID: uuid.New(), SHA1: p.sha1})
	}
	return views
}

// matchPackages answers POST /packages/matches: the fingerprints that are here
// already, which a client then leaves out of its upload.
func (t *Stock) matchPackages(c *api.Call) {
	_, m, f := c.ReadYAML()
	if f != nil {
		c.Fail(http.StatusBadRequest, f)
		return
	}
	t.Lock()
	known := t.fingerprints()
	t.Unlock()
	found := []string{}
	for _, p := range readParts(m, "packages", "dependencies") {
		if known[p.Fingerprint] {
			found = append(found, p.Fingerprint)
		}
	}
	c.List(found)
}
