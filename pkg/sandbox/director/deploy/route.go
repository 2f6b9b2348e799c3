package deploy

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/config"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/deployment"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/document"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/plan"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/store"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/task"
)

// deployOptions are what the query of a deploy asks for.
type deployOptions struct {
	plan.Limits

	dryRun    bool
	recreate  bool
	skipDrain []string // "*", groups ("web") or instances ("web/0")
	state     *stateChange
	created   bool // the deployment is new
}

// stateChange is what PUT /deployments/NAME/jobs/… asks for.
type stateChange struct {
	group string // "*" for all
	index string // index or id; "" for all
	state string // "started", "stopped", "detached", "restart", "recreate"
}

func (s *stateChange) concerns(i *deployment.Instance) bool {
	return s != nil && (s.group == "*" || s.group == i.Group) &&
		(s.index == "" || s.index == i.ID || s.index == strconv.Itoa(i.Index))
}

func (o deployOptions) drains(i *deployment.Instance) bool {
	return !slices.ContainsFunc(o.skipDrain, func(s string) bool {
		return s == "*" || s == i.Group || s == i.Group+"/"+strconv.Itoa(i.Index)
	})
}

func readOptions(query url.Values) deployOptions {
	o := deployOptions{
		dryRun: query.Get("dry_run") == "true", recreate: query.Get("recreate") == "true",
		Limits: plan.Limits{Canaries: query.Get("canaries"), MaxInFlight: query.Get("max_in_flight")},
	}
	if skip := query.Get("skip_drain"); skip != "" {
		o.skipDrain = strings.Split(skip, ",")
	}
	return o
}

// submission is a deploy on its way into a task.
type submission struct {
	deployment     *deployment.Deployment
	document       document.Mapping
	text           string
	cloud, runtime []*config.Config
	options        deployOptions
	teams          []string // of whoever submits it: a new deployment is theirs
}

// postDeployment answers POST /deployments. Only the manifest's form is
// checked here; whatever else is wrong with it, the task says.
func (d *Deployer) postDeployment(c *api.Call) {
	text, document, f := c.ReadYAML()
	if f == nil && document.Get("name") == nil {
		f = api.NewFailure(40001, "Deployment manifest must have a 'name' key")
	}
	if f != nil {
		c.Fail(http.StatusBadRequest, f)
		return
	}
	name := document.Text("name")
	isNew := d.announce(name)
	d.Lock()
	defer d.Unlock()
	dep := d.deployments.Find(name)
	if dep != nil && isNew { // PG::UniqueViolation on deployments_name_index, which nothing handles
		c.Empty(http.StatusInternalServerError)
		return
	}
	if dep != nil && !c.Owns(dep.Teams) {
		return
	}
	s := submission{document: document, text: text, options: readOptions(c.Query), teams: c.Teams()}
	s.cloud, s.runtime = d.configs.Find("cloud", "", 1), d.configs.Find("runtime", "", 1)
	if given := c.Query.Get("context"); given != "" {
		var ids contextIDs
		if json.Unmarshal([]byte(given), &ids) != nil {
			c.Empty(http.StatusInternalServerError)
			return
		}
		s.cloud, s.runtime = d.configs.ByIDs(ids.Cloud), d.configs.ByIDs(ids.Runtime)
	}
	c.Redirect(d.accept(s, c.User, c.ContextID))
}

// announce says whether a deployment is new, after NewDeployment was called for it.
func (d *Deployer) announce(name string) bool {
	d.Lock()
	isNew := d.deployments.Find(name) == nil
	d.Unlock()
	if isNew && d.hooks.NewDeployment != nil {
		d.hooks.NewDeployment(name)
	}
	return isNew
}

// accept makes the deployment if it is new, and the task of the deploy. The caller holds the lock.
func (d *Deployer) accept(s submission, user, contextID string) (id int) {
	name := s.document.Text("name")
	if s.deployment = d.deployments.Find(name); s.deployment == nil {
		s.options.created = true
		s.deployment = d.newDeployment(s, name)
	}
	return d.enqueueDeploy(s, user, contextID)
}

// newDeployment makes the row of a deployment. The caller holds the lock.
func (d *Deployer) newDeployment(s submission, name string) *deployment.Deployment {
	dep := &deployment.Deployment{Name: name, Teams: s.teams, Cloud: s.cloud, Runtime: s.runtime}
	d.deployments.Add(dep)
	return dep
}

// enqueueDeploy makes the task of a deploy. The caller holds the lock.
func (d *Deployer) enqueueDeploy(s submission, user, contextID string) (id int) {
	t := &task.Row{
		Description: "create deployment", User: user, ContextID: contextID, Deployment: s.deployment.Name,
		Work: func(j *task.Job) (string, error) { return d.run(j, s) },
	}
	if s.options.dryRun {
		t.Description = "create deployment (dry run)"
	}
	id = d.queue.Enqueue(t)
	d.AddEffect(store.Effect{Kind: store.EffectDeploy, Name: s.deployment.Name, Task: id, ContextID: contextID, User: user, DryRun: s.options.dryRun})
	return id
}

// putJobs answers PUT /deployments/NAME/jobs/GROUP[/INDEX]?state=…: a deploy of
// the manifest that is there, or of one that is given.
func (d *Deployer) putJobs(c *api.Call) {
	body, ok := c.ReadBody()
	if !ok {
		return
	}
	d.Lock()
	defer d.Unlock()
	dep := d.deployments.Of(c)
	if dep == nil {
		return
	}
	s := submission{deployment: dep, options: readOptions(c.Query), cloud: dep.Cloud, runtime: dep.Runtime}
	s.options.state = &stateChange{group: c.Params["group"], index: c.Params["index"], state: c.Query.Get("state")}
	if c.Query.Get("skip_drain") == "true" {
		s.options.skipDrain = []string{c.Params["group"]}
	}
	s.document, s.text = dep.Manifest, document.Dump(dep.Manifest)
	if len(body) > 0 {
		v, err := document.Parse(body)
		m, isMap := v.(document.Mapping)
		if err != nil || !isMap {
			c.Fail(http.StatusBadRequest, api.NewFailure(440001, "Incorrect YAML structure of the uploaded manifest"))
			return
		}
		s.document, s.text = m, string(body)
		s.cloud, s.runtime = d.configs.Find("cloud", "", 1), d.configs.Find("runtime", "", 1)
	}
	c.Redirect(d.enqueueDeploy(s, c.User, c.ContextID))
}
