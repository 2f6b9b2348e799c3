package upgrade_test

import (
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// A pipeline that is made by a put never takes a major that nobody has asked for.
func TestOut_boundsANewPipelineToTheDeployedMajor(t *testing.T) {
	for _, c := range []struct{ name, deployed, want string }{
		{"another major than that of the set", "7.14.1", "version: 7.x"},
		{"the same", "8.2.0", "version: 8.x"},
		{"nothing deployed", "", "version: 8.x"}, // that of the set, 8.2.1
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.director.record("concourse", f.manifest(t, map[string]any{"concourse_version": c.deployed}))
				if c.deployed == "" {
					delete(f.director.deployed, "concourse")
				}
				_, err := f.out(t.Context(), func(p *resource.OutParams) {
					p.Pipeline = &resource.PipelineParams{Name: "new"}
					p.Vars = map[string]any{"external_url": "https://ci.example.com", "worker_instances": 2, "worker_key": keptKey}
				})
				if err != nil {
					t.Fatal(err)
				}
				wantText(t, "pipeline", f.atc.pipeline("new"), c.want)
			})
		})
	}
}
