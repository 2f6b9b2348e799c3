// Package deployment reads the manifest of a BOSH deployment, and arranges it in the
// order and the pace of an upgrade.
package deployment

import (
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/template"
)

// Deployment is what this project needs to know of a BOSH manifest.
type Deployment struct {
	Name           string          `yaml:"name"` // "concourse"
	Releases       []Release       `yaml:"releases"`
	Stemcells      []Stemcell      `yaml:"stemcells"`
	InstanceGroups []InstanceGroup `yaml:"instance_groups"`
	Addons         []struct {
		Jobs []Job `yaml:"jobs"`
	} `yaml:"addons"`
}

// Release is a release that a BOSH manifest takes.
type Release struct {
	Name         string     `yaml:"name"`          // "concourse"
	Version      string     `yaml:"version"`       // "8.2.5", "latest", "8.latest"
	URL          string     `yaml:"url"`           // where a client uploads it from; the director itself does not read it
	SHA1         string     `yaml:"sha1"`          // 40 hex digits, or "sha256:9f86d0…"
	ExportedFrom []Stemcell `yaml:"exported_from"` // it must be compiled for the first of these
}

// Stemcell is a stemcell that a BOSH manifest takes, by its name or its OS.
type Stemcell struct {
	Alias   string `yaml:"alias"`   // "default"
	Name    string `yaml:"name"`    // "bosh-aws-xen-hvm-ubuntu-jammy-go_agent"
	OS      string `yaml:"os"`      // or "ubuntu-jammy"
	Version string `yaml:"version"` // "1.484", "latest", "1.latest"
	URL     string `yaml:"url"`     // as for a release
	SHA1    string `yaml:"sha1"`
}

// Job is a BOSH job.
type Job struct {
	Name    string `yaml:"name"`    // "worker"
	Release string `yaml:"release"` // "concourse"
}

// InstanceGroup is one group of a BOSH manifest.
type InstanceGroup struct {
	Name      string `yaml:"name"`      // "worker"
	Instances int    `yaml:"instances"` // 2
	Lifecycle string `yaml:"lifecycle"` // "errand" for one whose VMs come and go; else "service" or ""
	Stemcell  string `yaml:"stemcell"`  // the alias of one, "default"
	Jobs      []Job  `yaml:"jobs"`
}

// Parse reads a BOSH manifest.
func Parse(f template.File) (Deployment, error) {
	var d Deployment
	if err := template.Decode(f.Text, &d); err != nil {
		return Deployment{}, fmt.Errorf("parse %s: %w", f.Name, err)
	}
	return d, nil
}

// Release is the version of a release in the manifest, "" if it has none of that name.
func (d Deployment) Release(name string) string {
	for _, r := range d.Releases {
		if r.Name == name {
			return r.Version
		}
	}
	return ""
}

// Groups are the instance groups that run a job of a release: those of the
// workers are Groups("concourse", "worker").
func (d Deployment) Groups(release, job string) []InstanceGroup {
	var list []InstanceGroup
	for _, group := range d.InstanceGroups {
		for _, j := range group.Jobs {
			if j.Release == release && j.Name == job {
				list = append(list, group)
				break
			}
		}
	}
	return list
}
