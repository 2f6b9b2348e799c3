package deployment_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/deployment"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

func TestParse_readsVersionsAsTheyAreWritten(t *testing.T) {
	d, err := deployment.Parse(template.File{Name: "m", Text: []byte("name: x\nreleases: [{name: a, version: 1.10}, {name: b, version: latest}, {name: c, version: 0777}]\nstemcells: [{os: ubuntu-jammy, version: 1.100}]\n")})
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Release("a") + " " + d.Release("b") + " " + d.Release("c") + " " + d.Stemcells[0].Version + " " + d.Stemcells[0].OS; got != "1.10 latest 0777 1.100 ubuntu-jammy" {
		t.Errorf("versions = %q", got)
	}
}

func TestDeployment_countsInstances(t *testing.T) {
	d, err := deployment.Parse(template.File{Name: "m", Text: []byte(`
instance_groups:
- {name: linux, instances: 2, jobs: [{name: worker, release: concourse}, {name: bpm, release: bpm}]}
- {name: gpu, instances: 3, jobs: [{name: worker, release: concourse}, {name: worker, release: concourse}]}
- {name: windows, instances: 5, jobs: [{name: worker, release: concourse-windows}]}
- {name: off, instances: 0, jobs: [{name: worker, release: concourse}]}
- {name: empty, instances: 7}
`)})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, g := range d.Groups("concourse", "worker") {
		got = append(got, g.Name)
	}
	if diff := cmp.Diff([]string{"linux", "gpu", "off"}, got); diff != "" {
		t.Errorf("groups of workers (-want +got):\n%s", diff)
	}
}

func TestParse_namesTheFileThatIsNoManifest(t *testing.T) {
	for _, text := range []string{"a: [", "- a", "text", "instance_groups: [{name: web, instances: many}]", "releases: {a: b}"} {
		d, err := deployment.Parse(template.File{Name: "dir/m.yml", Text: []byte(text)})
		if err == nil || !strings.HasPrefix(err.Error(), "parse dir/m.yml: yaml: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: error = %v", text, err)
		}
		if d.Name != "" || d.Releases != nil || d.InstanceGroups != nil {
			t.Errorf("%q: deployment = %+v", text, d)
		}
	}
}
