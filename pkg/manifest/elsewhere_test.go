package manifest_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/testkit"
)

// elsewhere is a configuration for a director that exists.
const elsewhere = `schema: 1
name: ci
director: {url: https://director.example.com:25555, client: ci, client_secret: director-s3cret, deployment: ci}
cloud: {vm_types: {web: small, worker: large, database: medium}, disk_type: fast, network: private, azs: [z1, z3], web_address: 10.0.0.9}
access: {domain: ci.example.com}
workers: {count: 3, tags: [large]}
proxy: {http: http://proxy.example.com:3128}
`

// Nothing of AWS is in the manifest for a director that exists, and nothing of it is
// needed: its golden file is what the others are compared with by eye.
func TestConcourse_forADirectorThatExists(t *testing.T) {
	in := input(t, elsewhere, func(in *manifest.Input) {
		in.Infrastructure, in.InstanceTypes, in.Installer, in.SpotCeiling = manifest.Infrastructure{}, manifest.InstanceTypes{}, manifest.Installer{}, ""
		in.PostgresMajor, in.Versions.StemcellName = 16, "bosh-vsphere-esxi-ubuntu-jammy-go_agent"
	})
	text := render(t, "concourse", in)
	testkit.Golden(t, "testdata/elsewhere-concourse.golden.yml", string(text))
	if list := unknown(decoded(t, text), specs(t)); len(list) > 0 {
		t.Errorf("no spec has %v", list)
	}
	for _, key := range []string{"director_password", "director_ca", "mbus_bootstrap_password"} {
		if _, made := in.Credentials[key]; made {
			t.Errorf("%s is generated for somebody else's director", key)
		}
	}
	for what, change := range map[string]func(*config.Config){
		"database.kind is rds": func(c *config.Config) { c.Database.Kind = "rds" },
		"the section cloud":    func(c *config.Config) { c.Cloud.Network = "" },
	} {
		c := *in.Config
		change(&c)
		in := in
		in.Config = &c
		if _, err := manifest.Concourse(in); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
