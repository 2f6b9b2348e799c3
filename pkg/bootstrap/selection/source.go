package selection

import (
	"cmp"
	"time"

	"github.com/perpetual-ci/perpetual/pipelines"
	"github.com/perpetual-ci/perpetual/pkg/compatibility"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// Wanted is what decides which components are looked for, and where.
type Wanted struct {
	Config        *config.Config // with the defaults
	Program       string         // the version of this program: "1.4.0"
	AllowUnsigned bool           // a Perpetual without a signature is taken, whatever Config says
	Postgres      bool           // the database is a VM
}

// Source finds the component set: what the bundled pipeline watches, within the user's
// constraints. The first install's set and those of the pipeline are found in the same way.
func (w Wanted) Source() resource.Source {
	c := w.Config
	defaults := pipelines.SelfUpgradeDefaults(compatibility.Newest().Version, w.Program)
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
			"perpetual": {
				GitHub:  value(v.PerpetualRepository, "perpetual_repository"),
				Version: value(config.ProgramConstraint(c), "perpetual_constraint"), MinAge: minAge(value(v.PerpetualMinAge, "perpetual_min_age")),
				Keys: v.PerpetualKeys, AllowUnsigned: w.AllowUnsigned || v.PerpetualUnsigned != nil && *v.PerpetualUnsigned,
			},
		},
		GitHub: resource.GitHub{Token: c.Pipeline.GitHubToken, URL: c.GitHub.URL, CACert: c.GitHub.CACert},
		BoshIO: resource.BoshIO{URL: c.BoshIO.URL, CACert: c.BoshIO.CACert},
	}
	if w.Postgres {
		source.Watch["postgres"] = resource.Watch{Release: "github.com/cloudfoundry/postgres-release", Version: value(v.Postgres, "postgres_constraint")}
	}
	return source
}

// minAge reads a duration that the configuration's schema has looked at.
func minAge(text string) resource.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		return resource.Duration{}
	}
	return resource.Duration{Duration: d}
}
