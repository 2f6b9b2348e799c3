package template

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

//go:embed concourse.yml
var concourse []byte

// Concourse is the bundled manifest of a Concourse: web, worker and database.
func Concourse() File {
	return File{Name: "the bundled Concourse manifest", Text: bytes.Clone(concourse)}
}

//go:embed concourse-core.yml
var concourseCore []byte

// ConcourseCore are the instance groups and jobs that the bundled manifest has had in
// every version of this program.
func ConcourseCore() []byte { return bytes.Clone(concourseCore) }

// InstallationKey is what the installer's manifests have at their top, with the name of
// the installation: the bundled manifest, which they are made from, must not be deployed
// over them as it is. A director ignores keys that it does not know, as it does
// cf-deployment's manifest_version.
const InstallationKey = "perpetual_installation"

// ConcourseDefaults are the values of the bundled manifest's variables that
// have a sensible one; anything else set for them wins. The major of PostgreSQL is that
// of a new deployment: pkg/postgres knows that of one that exists.
func ConcourseDefaults() map[string]any {
	return map[string]any{
		"azs": []any{"z1"}, "network_name": "default",
		"web_instances": 1, "web_vm_type": "default",
		"worker_instances": 1, "worker_vm_type": "default", "worker_tags": []any{},
		"db_vm_type": "default", "db_persistent_disk_type": "default", "postgres_major": 16,
		"drain_timeout": "1h", "cluster_name": "concourse",
	}
}

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
func Parse(f File) (Deployment, error) {
	var d Deployment
	if err := Decode(f.Text, &d); err != nil {
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

// Digest identifies the content of a YAML text: it is the same whatever the
// order of keys, the white space and the comments, and another for any other value.
func Digest(text []byte) (string, error) {
	root, err := decode(text)
	if err != nil {
		return "", fmt.Errorf("digest manifest: %w", err)
	}
	if err := Bounded(root); err != nil {
		return "", fmt.Errorf("digest manifest: %w", err)
	}
	canonical, err := json.Marshal(forJSON(root)) // sorts the keys
	if err != nil {
		return "", fmt.Errorf("digest manifest: %w", err)
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:]), nil
}

// forJSON makes keys and values what JSON can hold, with their types in them: it
// knows no other keys than strings, no NaN, and would make 1 of 1.0.
func forJSON(value any) any {
	switch v := value.(type) {
	case map[any]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[fmt.Sprintf("%T %v", key, key)] = forJSON(item)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out["string "+key] = forJSON(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = forJSON(item)
		}
		return out
	case string, float64:
		return fmt.Sprintf("%T %v", v, v)
	}
	return value
}
