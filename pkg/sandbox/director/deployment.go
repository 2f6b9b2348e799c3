package director

import (
	"net/http"
	"slices"
	"strings"
)

// deployment is a row of the director's deployment table.
type deployment struct {
	name      string
	teams     []string // whose admins may change it
	manifest  mapping  // of the last deploy that succeeded, versions resolved; nil before
	text      string   // what GET /deployments/NAME gives
	cloud     []*config
	runtime   []*config
	stemcells []*stemcell
	releases  []*release
	instances []*instance
	errands   []string
}

// nameVersion names a release or stemcell of a deployment.
type nameVersion struct {
	Name    string `json:"name"`    // "concourse"
	Version string `json:"version"` // "8.2.5"
}

// deploymentView is a deployment as GET /deployments lists it.
type deploymentView struct {
	Name        string         `json:"name"`
	Teams       []string       `json:"teams"`
	CloudConfig string         `json:"cloud_config,omitempty"` // "latest", "outdated", "none"
	Stemcells   *[]nameVersion `json:"stemcells,omitempty"`
	Releases    *[]nameVersion `json:"releases,omitempty"`
	Locked      bool           `json:"locked"`
}

func (d *Director) deploymentRoutes() []route {
	return []route{
		{method: "GET", path: "/deployments", needs: needsList, handle: d.listDeployments},
		{method: "POST", path: "/deployments", needs: needsTeam, consumes: consumesYAML, handle: d.postDeployment},
		{method: "GET", path: "/deployments/:deployment", needs: needsDeploymentRead, handle: d.showDeployment},
		{method: "DELETE", path: "/deployments/:deployment", needs: needsDeployment, handle: d.deleteDeployment},
		{method: "POST", path: "/deployments/:deployment/diff", needs: needsDiff, consumes: consumesYAML, handle: d.diffDeployment},
		{method: "PUT", path: "/deployments/:deployment/jobs/:group", needs: needsDeployment, consumes: consumesYAML, handle: d.putJobs},
		{method: "PUT", path: "/deployments/:deployment/jobs/:group/:index", needs: needsDeployment, consumes: consumesYAML, handle: d.putJobs},
		{method: "GET", path: "/deployments/:deployment/variables", needs: needsDeploymentRead, handle: d.listVariables},
		{method: "GET", path: "/deployments/:deployment/errands", needs: needsDeploymentRead, handle: d.listErrands},
		{method: "POST", path: "/deployments/:deployment/errands/:errand/runs", needs: needsDeployment, consumes: consumesJSON, handle: d.runErrand},
	}
}

// deployment is the row of a name, nil if there is none. The caller holds mu.
func (d *Director) deployment(name string) *deployment {
	for _, dep := range d.deployments {
		if dep.name == name {
			return dep
		}
	}
	return nil
}

// deploymentOf finds the deployment that a path names; without one the answer is written. The caller holds mu.
func (d *Director) deploymentOf(c *call) *deployment {
	dep := d.deployment(c.params["deployment"])
	if dep == nil {
		c.fail(http.StatusNotFound, failure(70000, "Deployment '%s' doesn't exist", c.params["deployment"]))
	}
	return dep
}

// used lists the releases or stemcells of a deployment by name and version.
func used[T any](rows []T, view func(T) nameVersion) *[]nameVersion {
	views := []nameVersion{}
	for _, row := range rows {
		views = append(views, view(row))
	}
	slices.SortFunc(views, func(a, b nameVersion) int {
		if n := strings.Compare(a.Name, b.Name); n != 0 {
			return n
		}
		return compareVersions(a.Version, b.Version)
	})
	return &views
}

func (dep *deployment) releaseList() *[]nameVersion {
	return used(dep.releases, func(r *release) nameVersion { return nameVersion{r.name, r.version} })
}

func (dep *deployment) stemcellList() *[]nameVersion {
	return used(dep.stemcells, func(s *stemcell) nameVersion { return nameVersion{s.name, s.version} })
}

func (d *Director) listDeployments(c *call) {
	d.mu.Lock()
	defer d.mu.Unlock()
	views := []deploymentView{}
	for _, dep := range d.byName() {
		if !c.has(d.scopesOf(dep.teams, true)) {
			continue
		}
		view := deploymentView{Name: dep.name, Teams: append([]string{}, dep.teams...), Locked: d.locked(dep.name)}
		if c.query.Get("exclude_configs") != "true" {
			view.CloudConfig = d.cloudConfigState(dep)
		}
		if c.query.Get("exclude_stemcells") != "true" {
			view.Stemcells = dep.stemcellList()
		}
		if c.query.Get("exclude_releases") != "true" {
			view.Releases = dep.releaseList()
		}
		views = append(views, view)
	}
	c.list(views)
}

func (d *Director) byName() []*deployment {
	return slices.SortedFunc(slices.Values(d.deployments), func(a, b *deployment) int { return strings.Compare(a.name, b.name) })
}

func (d *Director) cloudConfigState(dep *deployment) string {
	switch {
	case len(dep.cloud) == 0:
		return "none"
	case slices.Equal(dep.cloud, d.findConfigs("cloud", "", 1)):
		return "latest"
	}
	return "outdated"
}

func (d *Director) showDeployment(c *call) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dep := d.deploymentOf(c)
	if dep == nil {
		return
	}
	var manifest *string
	if dep.manifest != nil {
		manifest = &dep.text
	}
	c.list(map[string]*string{"manifest": manifest})
}

// contextIDs are the configs that a diff was made with, for the deploy after it.
type contextIDs struct {
	Cloud   []int `json:"cloud_config_ids"`
	Runtime []int `json:"runtime_config_ids"`
}

func configIDs(configs []*config) []int {
	ids := []int{}
	for _, c := range configs {
		ids = append(ids, c.id)
	}
	return ids
}

// diffDeployment answers POST /deployments/NAME/diff.
func (d *Director) diffDeployment(c *call) {
	_, document, f := c.yaml()
	if f != nil {
		c.fail(http.StatusBadRequest, f)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var before mapping
	if dep := d.deployment(c.params["deployment"]); dep != nil {
		before = whole(dep.manifest, dep.cloud, dep.runtime)
	}
	cloud, runtime := d.findConfigs("cloud", "", 1), d.findConfigs("runtime", "", 1)
	resolved, err := d.resolve(document)
	if err != nil { // status 200 all the same
		c.list(struct {
			Diff  []any  `json:"diff"`
			Error string `json:"error"`
		}{[]any{}, "Unable to diff manifest: #<" + rubyClass(err) + ": " + err.Error() + ">\n" +
			"/var/vcap/packages/director/src/bosh-director/lib/bosh/director/manifest/manifest.rb:37:in `resolve_aliases'"})
		return
	}
	c.list(struct {
		Context contextIDs `json:"context"`
		Diff    [][2]any   `json:"diff"`
	}{
		contextIDs{configIDs(cloud), configIDs(runtime)},
		diff(before, whole(resolved, cloud, runtime), c.query.Get("redact") != "false"),
	})
}

func rubyClass(err error) string {
	switch asFailure(err).Code {
	case 50003:
		return "Bosh::Director::StemcellNotFound"
	case 30005:
		return "Bosh::Director::ReleaseNotFound"
	}
	return "Bosh::Director::DirectorError"
}

// variableView is a variable of a deployment's manifest.
type variableView struct {
	ID   string `json:"id"`   // the config server's id
	Name string `json:"name"` // "/TestDirector/concourse/token_signing_key"
}

func (d *Director) listVariables(c *call) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dep := d.deploymentOf(c)
	if dep == nil {
		return
	}
	views := []variableView{}
	for _, v := range dep.manifest.maps("variables") {
		name := v.text("name")
		if !strings.HasPrefix(name, "/") {
			name = "/" + d.opts.Name + "/" + dep.name + "/" + name
		}
		views = append(views, variableView{ID: name, Name: name})
	}
	c.list(views)
}

// deploymentConfig says which config a deployment was deployed with.
type deploymentConfig struct {
	ID         int                  `json:"id"`
	Deployment string               `json:"deployment"`
	Config     deploymentConfigView `json:"config"`
}

type deploymentConfigView struct {
	ID   int    `json:"id"` // a number here, unlike in /configs
	Type string `json:"type"`
	Name string `json:"name"`
}

func (d *Director) listDeploymentConfigs(c *call) {
	wanted := c.query["deployment[]"]
	d.mu.Lock()
	defer d.mu.Unlock()
	views := []deploymentConfig{}
	serial := 0
	for _, dep := range d.deployments {
		for _, used := range slices.Concat(dep.cloud, dep.runtime) {
			serial++
			if len(wanted) == 0 || slices.Contains(wanted, dep.name) {
				views = append(views, deploymentConfig{serial, dep.name, deploymentConfigView{used.id, used.kind, used.name}})
			}
		}
	}
	c.list(views)
}
