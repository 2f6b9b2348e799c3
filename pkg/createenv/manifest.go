package createenv

import (
	"fmt"
	"maps"

	bideplmanifest "github.com/cloudfoundry/bosh-cli/v7/deployment/manifest"
	bidepltpl "github.com/cloudfoundry/bosh-cli/v7/deployment/template"
	boshtpl "github.com/cloudfoundry/bosh-cli/v7/director/template"
	biinstmanifest "github.com/cloudfoundry/bosh-cli/v7/installation/manifest"
	birelsetmanifest "github.com/cloudfoundry/bosh-cli/v7/release/set/manifest"
	"github.com/cppforlife/go-patch/patch"

	"github.com/perpetual-ci/perpetual/pkg/difference"
)

// parsed is the manifest as bosh-cli's parts want it.
type parsed struct {
	releases     birelsetmanifest.Manifest
	installation biinstmanifest.Manifest
	deployment   bideplmanifest.Manifest
	sha          string            // of the manifest with its variables but the transient ones: a change of a credential is a change
	leaves       []difference.Leaf // the manifest as it is shown
	validator    bideplmanifest.Validator
}

// parse reads the three views that bosh-cli has of one manifest.
func (s *session) parse() (parsed, error) {
	var p parsed
	vars := boshtpl.StaticVariables{}
	for k, v := range s.manifestVars {
		vars[k] = plain(v)
	}
	var none patch.Ops
	var err error
	parser := birelsetmanifest.NewParser(s.fs, s.logger, birelsetmanifest.NewValidator(s.logger))
	if p.releases, err = parser.Parse(s.fs.path, vars, none); err != nil {
		return p, fmt.Errorf("parse releases of the manifest: %s", explain(err))
	}
	installation := biinstmanifest.NewParser(s.fs, s.uuids, s.logger, biinstmanifest.NewValidator(s.logger))
	if p.installation, err = installation.Parse(s.fs.path, vars, none, p.releases); err != nil {
		return p, fmt.Errorf("parse cloud_provider of the manifest: %s", explain(err))
	}
	template, err := bidepltpl.NewDeploymentTemplateFactory(s.fs).NewDeploymentTemplateFromPath(s.fs.path)
	if err != nil {
		return p, fmt.Errorf("read the manifest: %s", explain(err))
	}
	interpolated, err := template.Evaluate(vars, none)
	if err != nil {
		return p, fmt.Errorf("fill the manifest: %s", explain(err))
	}
	lasting := maps.Clone(vars)
	for _, name := range s.transient {
		lasting[name] = ""
	}
	compared, err := template.Evaluate(lasting, none)
	if err != nil {
		return p, fmt.Errorf("fill the manifest: %s", explain(err))
	}
	p.sha = compared.SHA()
	if p.leaves, err = s.show.Read(s.fs.body); err != nil {
		return p, fmt.Errorf("read the manifest: %w", err)
	}
	if p.deployment, err = bideplmanifest.NewParser(s.fs, s.logger).Parse(interpolated, s.fs.path); err != nil {
		return p, fmt.Errorf("parse the manifest: %s", explain(err))
	}
	p.validator = bideplmanifest.NewValidator(s.logger)
	if err := p.validator.Validate(p.deployment, p.releases); err != nil {
		return p, fmt.Errorf("validate the manifest: %s", explain(err))
	}
	if n := len(p.deployment.Jobs); n != 1 || p.deployment.Jobs[0].Instances != 1 {
		return p, fmt.Errorf("validate the manifest: there must be one instance group with instances: 1, found %d groups", n)
	}
	return p, nil
}
