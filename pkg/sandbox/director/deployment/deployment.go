package deployment

import (
	"net/http"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/artifact"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/config"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/document"
)

// Deployment is a row of the director's deployment table.
type Deployment struct {
	Name      string
	Teams     []string         // whose admins may change it
	Manifest  document.Mapping // of the last deploy that succeeded, versions resolved; nil before
	Text      string           // what GET /deployments/NAME gives
	Cloud     []*config.Config
	Runtime   []*config.Config
	stemcells []*artifact.Stemcell
	releases  []*artifact.Release
	Instances []*Instance
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

// Routes are those that tell about deployments and their instances, and that run errands.
func (t *Table) Routes() []api.Route {
	return slices.Concat(t.instanceRoutes(), t.logRoutes(), []api.Route{
		{Method: "GET", Path: "/deployments", Needs: api.NeedsList, Handle: t.listDeployments},
		{Method: "GET", Path: "/deployments/:deployment", Needs: api.NeedsDeploymentRead, Handle: t.showDeployment},
		{Method: "GET", Path: "/deployments/:deployment/variables", Needs: api.NeedsDeploymentRead, Handle: t.listVariables},
		{Method: "GET", Path: "/deployments/:deployment/errands", Needs: api.NeedsDeploymentRead, Handle: t.listErrands},
		{Method: "POST", Path: "/deployments/:deployment/errands/:errand/runs", Needs: api.NeedsDeployment, Consumes: api.ConsumesJSON, Handle: t.runErrand},
		{Method: "GET", Path: "/deployment_configs", Needs: api.NeedsRead, Handle: t.listDeploymentConfigs},
	})
}

// Find is the row of a name, nil if there is none. The caller holds the lock.
func (t *Table) Find(name string) *Deployment {
	for _, dep := range t.rows {
		if dep.Name == name {
			return dep
		}
	}
	return nil
}

// Of finds the deployment that a path names; without one the answer is written. The caller holds the lock.
func (t *Table) Of(c *api.Call) *Deployment {
	dep := t.Find(c.Params["deployment"])
	if dep == nil {
		c.Fail(http.StatusNotFound, api.NewFailure(70000, "Deployment '%s' doesn't exist", c.Params["deployment"]))
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
		return artifact.CompareVersions(a.Version, b.Version)
	})
	return &views
}

// ReleaseList names the releases of a deployment.
func (dep *Deployment) ReleaseList() *[]nameVersion {
	return used(dep.releases, func(r *artifact.Release) nameVersion { return nameVersion{r.Name, r.Version} })
}

// StemcellList names the stemcells of a deployment.
func (dep *Deployment) StemcellList() *[]nameVersion {
	return used(dep.stemcells, func(s *artifact.Stemcell) nameVersion { return nameVersion{s.Name, s.Version} })
}

func (t *Table) listDeployments(c *api.Call) {
	t.Lock()
	defer t.Unlock()
	views := []deploymentView{}
	for _, dep := range t.ByName() {
		if !c.MayRead(dep.Teams) {
			continue
		}
		view := deploymentView{Name: dep.Name, Teams: append([]string{}, dep.Teams...), Locked: t.queue.Locked(dep.Name)}
		if c.Query.Get("exclude_configs") != "true" {
			view.CloudConfig = t.cloudConfigState(dep)
		}
		if c.Query.Get("exclude_stemcells") != "true" {
			view.Stemcells = dep.StemcellList()
		}
		if c.Query.Get("exclude_releases") != "true" {
			view.Releases = dep.ReleaseList()
		}
		views = append(views, view)
	}
	c.List(views)
}

// ByName lists the deployments by name. The caller holds the lock.
func (t *Table) ByName() []*Deployment {
	return slices.SortedFunc(slices.Values(t.rows), func(a, b *Deployment) int { return strings.Compare(a.Name, b.Name) })
}

func (t *Table) cloudConfigState(dep *Deployment) string {
	switch {
	case len(dep.Cloud) == 0:
		return "none"
	case slices.Equal(dep.Cloud, t.configs.Find("cloud", "", 1)):
		return "latest"
	}
	return "outdated"
}

func (t *Table) showDeployment(c *api.Call) {
	t.Lock()
	defer t.Unlock()
	dep := t.Of(c)
	if dep == nil {
		return
	}
	var manifest *string
	if dep.Manifest != nil {
		manifest = &dep.Text
	}
	c.List(map[string]*string{"manifest": manifest})
}

// variableView is a variable of a deployment's manifest.
type variableView struct {
	ID   string `json:"id"`   // the config server's id
	Name string `json:"name"` // "/TestDirector/concourse/token_signing_key"
}

func (t *Table) listVariables(c *api.Call) {
	t.Lock()
	defer t.Unlock()
	dep := t.Of(c)
	if dep == nil {
		return
	}
	views := []variableView{}
	for _, v := range dep.Manifest.Maps("variables") {
		name := v.Text("name")
		if !strings.HasPrefix(name, "/") {
			name = "/" + t.director + "/" + dep.Name + "/" + name
		}
		views = append(views, variableView{ID: name, Name: name})
	}
	c.List(views)
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

func (t *Table) listDeploymentConfigs(c *api.Call) {
	wanted := c.Query["deployment[]"]
	t.Lock()
	defer t.Unlock()
	views := []deploymentConfig{}
	serial := 0
	for _, dep := range t.rows {
		for _, used := range slices.Concat(dep.Cloud, dep.Runtime) {
			serial++
			if len(wanted) == 0 || slices.Contains(wanted, dep.Name) {
				views = append(views, deploymentConfig{serial, dep.Name, deploymentConfigView{used.ID, used.Kind, used.Name}})
			}
		}
	}
	c.List(views)
}
