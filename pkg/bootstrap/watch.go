package bootstrap

import (
	"cmp"

	"github.com/perpetual-ci/perpetual/pipelines"
	"github.com/perpetual-ci/perpetual/pkg/compatibility"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// watch is the source that finds the component set: what the bundled pipeline
// watches, within the user's constraints. The first install's set and those of the
// pipeline are found in the same way.
func watch(c *config.Config) resource.Source {
	defaults := pipelines.SelfUpgradeDefaults(compatibility.Newest().Version)
	value := func(given, name string) string {
		text, _ := defaults[name].(string)
		return cmp.Or(given, text)
	}
	v := c.Versions
	source := resource.Source{
		Watch: map[string]resource.Watch{
			"concourse": {Release: "github.com/concourse/concourse-bosh-release", Version: value(v.Concourse, "concourse_constraint")},
			"bpm":       {Release: "github.com/cloudfoundry/bpm-release", Version: value(v.BPM, "bpm_constraint")},
			"stemcell":  {Stemcell: value(c.Cloud.Stemcell, "stemcell_name"), Version: value(v.Stemcell, "stemcell_constraint")},
			"perpetual": {GitHub: value("", "perpetual_repository"), Version: value(v.Perpetual, "perpetual_constraint")},
		},
		GitHub: resource.GitHub{Token: c.Pipeline.GitHubToken, URL: c.GitHub.URL, CACert: c.GitHub.CACert},
		BoshIO: resource.BoshIO{URL: c.BoshIO.URL, CACert: c.BoshIO.CACert},
	}
	if !usesService(c) {
		source.Watch["postgres"] = resource.Watch{Release: "github.com/cloudfoundry/postgres-release", Version: value(v.Postgres, "postgres_constraint")}
	}
	return source
}
