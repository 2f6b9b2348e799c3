// Package manifest is the create-env manifest as bosh-cli's parts want it, and what of it
// is shown and remembered.
package manifest

import (
	"fmt"
	"maps"

	bideplmanifest "github.com/cloudfoundry/bosh-cli/v7/deployment/manifest"
	bidepltpl "github.com/cloudfoundry/bosh-cli/v7/deployment/template"
	boshtpl "github.com/cloudfoundry/bosh-cli/v7/director/template"
	biinstmanifest "github.com/cloudfoundry/bosh-cli/v7/installation/manifest"
	birelsetmanifest "github.com/cloudfoundry/bosh-cli/v7/release/set/manifest"
	boshlog "github.com/cloudfoundry/bosh-utils/logger"
	boshuuid "github.com/cloudfoundry/bosh-utils/uuid"
	"github.com/cppforlife/go-patch/patch"

	"github.com/perpetual-ci/perpetual/pkg/createenv/cause"
	"github.com/perpetual-ci/perpetual/pkg/difference"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// Source is a manifest and what its placeholders are filled with.
type Source struct {
	Files *FileSystem   // holds the manifest
	Vars  secret.Values // fill the placeholders
	// Transient names those of Vars that are of this run alone.
	Transient []string
	// Show says how values are shown; of it, Vars and Transient are not looked at.
	Show   difference.Reader
	UUIDs  boshuuid.Generator
	Logger boshlog.Logger
}

// Manifest is the manifest as bosh-cli's parts want it.
type Manifest struct {
	Releases     birelsetmanifest.Manifest
	Installation biinstmanifest.Manifest
	Deployment   bideplmanifest.Manifest
	Validator    bideplmanifest.Validator
	SHA          string // of the manifest with its variables but the transient ones: a change of a credential is a change

	leaves []difference.Leaf // the manifest as it is shown
	key    string            // of the leaves' seals
}

// show is how the manifest is shown.
func (s Source) show() difference.Reader {
	show := s.Show
	show.Vars, show.Transient = s.Vars, map[string]bool{}
	for _, name := range s.Transient {
		show.Transient[name] = true
	}
	return show
}

// Parse reads the three views that bosh-cli has of one manifest.
func (s Source) Parse() (Manifest, error) {
	var p Manifest
	vars := boshtpl.StaticVariables{}
	for k, v := range s.Vars {
		vars[k] = plain(v)
	}
	var none patch.Ops
	path := s.Files.path
	var err error
	parser := birelsetmanifest.NewParser(s.Files, s.Logger, birelsetmanifest.NewValidator(s.Logger))
	if p.Releases, err = parser.Parse(path, vars, none); err != nil {
		return p, fmt.Errorf("parse releases of the manifest: %s", cause.Of(err))
	}
	installation := biinstmanifest.NewParser(s.Files, s.UUIDs, s.Logger, biinstmanifest.NewValidator(s.Logger))
	if p.Installation, err = installation.Parse(path, vars, none, p.Releases); err != nil {
		return p, fmt.Errorf("parse cloud_provider of the manifest: %s", cause.Of(err))
	}
	template, err := bidepltpl.NewDeploymentTemplateFactory(s.Files).NewDeploymentTemplateFromPath(path)
	if err != nil {
		return p, fmt.Errorf("read the manifest: %s", cause.Of(err))
	}
	interpolated, err := template.Evaluate(vars, none)
	if err != nil {
		return p, fmt.Errorf("fill the manifest: %s", cause.Of(err))
	}
	lasting := maps.Clone(vars)
	for _, name := range s.Transient {
		lasting[name] = ""
	}
	compared, err := template.Evaluate(lasting, none)
	if err != nil {
		return p, fmt.Errorf("fill the manifest: %s", cause.Of(err))
	}
	p.SHA = compared.SHA()
	show := s.show()
	p.key = show.KeyID()
	if p.leaves, err = show.Read(s.Files.body); err != nil {
		return p, fmt.Errorf("read the manifest: %w", err)
	}
	if p.Deployment, err = bideplmanifest.NewParser(s.Files, s.Logger).Parse(interpolated, path); err != nil {
		return p, fmt.Errorf("parse the manifest: %s", cause.Of(err))
	}
	p.Validator = bideplmanifest.NewValidator(s.Logger)
	if err := p.Validator.Validate(p.Deployment, p.Releases); err != nil {
		return p, fmt.Errorf("validate the manifest: %s", cause.Of(err))
	}
	if n := len(p.Deployment.Jobs); n != 1 || p.Deployment.Jobs[0].Instances != 1 {
		return p, fmt.Errorf("validate the manifest: there must be one instance group with instances: 1, found %d groups", n)
	}
	return p, nil
}
