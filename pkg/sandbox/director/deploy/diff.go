package deploy

import (
	"net/http"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/config"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/document"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/plan"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/task"
)

// contextIDs are the configs that a diff was made with, for the deploy after it.
type contextIDs struct {
	Cloud   []int `json:"cloud_config_ids"`
	Runtime []int `json:"runtime_config_ids"`
}

func configIDs(configs []*config.Config) []int {
	ids := []int{}
	for _, c := range configs {
		ids = append(ids, c.ID)
	}
	return ids
}

// diffDeployment answers POST /deployments/NAME/diff.
func (d *Deployer) diffDeployment(c *api.Call) {
	_, doc, f := c.ReadYAML()
	if f != nil {
		c.Fail(http.StatusBadRequest, f)
		return
	}
	d.Lock()
	defer d.Unlock()
	var before document.Mapping
	if dep := d.deployments.Find(c.Params["deployment"]); dep != nil {
		before = plan.Whole(dep.Manifest, dep.Cloud, dep.Runtime)
	}
	cloud, runtime := d.configs.Find("cloud", "", 1), d.configs.Find("runtime", "", 1)
	resolved, err := plan.Resolve(d.stock, doc)
	if err != nil { // status 200 all the same
		c.List(struct {
			Diff  []any  `json:"diff"`
			Error string `json:"error"`
		}{[]any{}, "Unable to diff manifest: #<" + rubyClass(err) + ": " + err.Error() + ">\n" +
			"/var/vcap/packages/director/src/bosh-director/lib/bosh/director/manifest/manifest.rb:37:in `resolve_aliases'"})
		return
	}
	c.List(struct {
		Context contextIDs `json:"context"`
		Diff    [][2]any   `json:"diff"`
	}{
		contextIDs{configIDs(cloud), configIDs(runtime)},
		document.Diff(before, plan.Whole(resolved, cloud, runtime), c.Query.Get("redact") != "false"),
	})
}

func rubyClass(err error) string {
	switch task.AsFailure(err).Code {
	case 50003:
		return "Bosh::Director::StemcellNotFound"
	case 30005:
		return "Bosh::Director::ReleaseNotFound"
	}
	return "Bosh::Director::DirectorError"
}
