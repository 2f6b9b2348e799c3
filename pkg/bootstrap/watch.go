package bootstrap

import (
	"cmp"
	"fmt"
	"time"

	"github.com/perpetual-ci/perpetual/pipelines"
	"github.com/perpetual-ci/perpetual/pkg/compatibility"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/signature"
)

// watch is the source that finds the component set: what the bundled pipeline
// watches, within the user's constraints. The first install's set and those of the
// pipeline are found in the same way.
func (r *run) watch() resource.Source {
	c := r.config
	defaults := pipelines.SelfUpgradeDefaults(compatibility.Newest().Version, r.Program)
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
				Keys: v.PerpetualKeys, AllowUnsigned: r.options.AllowUnsigned || v.PerpetualUnsigned != nil && *v.PerpetualUnsigned,
			},
		},
		GitHub: resource.GitHub{Token: c.Pipeline.GitHubToken, URL: c.GitHub.URL, CACert: c.GitHub.CACert},
		BoshIO: resource.BoshIO{URL: c.BoshIO.URL, CACert: c.BoshIO.CACert},
	}
	if !usesService(c) {
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

// checkImage wants a pinned image to be the one that the release's statement names.
func (r *run) checkImage() error {
	image := config.ProgramImage(r.config)
	for _, c := range r.set {
		if c.Name != resource.ProgramComponent || image.Digest == "" {
			continue
		}
		if c.Version != image.Version {
			return fmt.Errorf("pipeline.image is of Perpetual %s, but version %s is to be deployed; nothing was changed: run with --upgrade to take the newest version, or name an image of the other version", image.Version, c.Version)
		}
		if signed := c.Images[signature.Resource]; signed != "" && signed != image.Digest {
			return fmt.Errorf("pipeline.image has the digest %s, and the signed one of Perpetual %s is %s; nothing was changed: correct pipeline.image, or name the repository alone", image.Digest, c.Version, signed)
		}
	}
	return nil
}
