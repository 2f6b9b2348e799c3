package bundle

import (
	"bytes"
	_ "embed"

	"github.com/perpetual-ci/perpetual/pkg/template"
)

//go:embed concourse.yml
var concourse []byte

// Concourse is the bundled manifest of a Concourse: web, worker and database.
func Concourse() template.File {
	return template.File{Name: "the bundled Concourse manifest", Text: bytes.Clone(concourse)}
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
