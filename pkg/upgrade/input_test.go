package upgrade_test

import (
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// badInput is a put that cannot work.
type badInput struct {
	name string
	edit func(t *testing.T, f *fixture, p *resource.OutParams)
	want []string // parts of the error
}

// refuse wants each to fail before anything has changed anywhere.
func refuse(t *testing.T, list []badInput) {
	t.Helper()
	for _, c := range list {
		t.Run(c.name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				_, err := f.out(t.Context(), func(p *resource.OutParams) { c.edit(t, f, p) })
				wantError(t, err, c.want...)
				if done := f.all(); len(done) > 0 {
					t.Errorf("it changed something before it failed: %q", done)
				}
			})
		})
	}
}

func TestOut_changesNothingUnlessItsFilesAreGood(t *testing.T) {
	refuse(t, []badInput{
		{"no component set", func(_ *testing.T, _ *fixture, p *resource.OutParams) { p.Components = "none" }, []string{"read inputs: params.components", "none/components.json"}},
		{"a broken component set", func(t *testing.T, f *fixture, _ *resource.OutParams) { f.write(t, "components/components.json", "{") }, []string{"params.components: decode components.json"}},
		{"a downloaded file that is gone", func(t *testing.T, f *fixture, _ *resource.OutParams) {
			f.write(t, "components/components.json", `[{"name": "concourse", "kind": "release", "version": "8.2.1", "file": "concourse/release.tgz"}]`)
		}, []string{"params.components: find the file of concourse", "concourse/release.tgz"}},
		{"no manifest", func(_ *testing.T, _ *fixture, p *resource.OutParams) { p.Manifest = "none.yml" }, []string{"params.manifest: read the file", "none.yml"}},
		{"no ops file", func(_ *testing.T, _ *fixture, p *resource.OutParams) { p.OpsFiles = []string{"none.yml"} }, []string{"params.ops_files", "none.yml"}},
		{"no vars file", func(_ *testing.T, _ *fixture, p *resource.OutParams) { p.VarsFiles = []string{"none.yml"} }, []string{"params.vars_files", "none.yml"}},
		{"a vars file that is a list", func(t *testing.T, f *fixture, p *resource.OutParams) {
			f.write(t, "vars.yml", "[1, 2]")
			p.VarsFiles = []string{"vars.yml"}
		}, []string{"params.vars_files: parse vars.yml: line 1: want a YAML mapping of variables"}},
		{"no cloud config", func(_ *testing.T, _ *fixture, p *resource.OutParams) { p.CloudConfig = "none.yml" }, []string{"params.cloud_config", "none.yml"}},
		{"a cloud config that is not YAML", func(t *testing.T, f *fixture, p *resource.OutParams) {
			f.write(t, "cloud.yml", "azs: [")
			p.CloudConfig = "cloud.yml"
		}, []string{"params.cloud_config: parse cloud.yml: yaml: line 1: did not find expected node content"}},
		{"a cloud config that is a text", func(t *testing.T, f *fixture, p *resource.OutParams) {
			f.write(t, "cloud.yml", "not found")
			p.CloudConfig = "cloud.yml"
		}, []string{"params.cloud_config: parse cloud.yml: line 1: want a YAML mapping"}},
	})
}

func TestOut_changesNothingUnlessThePipelineIsValid(t *testing.T) {
	refuse(t, []badInput{
		{"no pipeline file", func(_ *testing.T, _ *fixture, p *resource.OutParams) {
			p.Pipeline = &resource.PipelineParams{File: "none.yml"}
		}, []string{"params.pipeline.file", "none.yml"}},
		{"no vars file of the pipeline", func(_ *testing.T, _ *fixture, p *resource.OutParams) {
			p.Pipeline = &resource.PipelineParams{VarsFiles: []string{"none.yml"}}
		}, []string{"params.pipeline.vars_files", "none.yml"}},
		{"a pipeline that is not YAML", func(t *testing.T, f *fixture, p *resource.OutParams) {
			f.write(t, "own.yml", "jobs: [")
			p.Pipeline = &resource.PipelineParams{File: "own.yml", Name: "own"}
		}, []string{"prepare pipeline: parse own.yml"}},
		{"a bundled pipeline over one that is not YAML", func(_ *testing.T, f *fixture, p *resource.OutParams) {
			f.atc.pipelines["own"] = []byte("jobs: [")
			p.Pipeline = &resource.PipelineParams{Name: "own"}
		}, []string{"prepare pipeline: keep the set values in the bundled pipeline"}},
		{"a foreign pipeline", func(_ *testing.T, f *fixture, _ *resource.OutParams) {
			f.atc.pipelines["self-upgrade"] = []byte("jobs: [{name: unit}]")
		}, []string{"prepare pipeline: pipeline self-upgrade is not made from the bundled one", "params.pipeline.skip: true"}},
		{"pipeline params without an ATC", func(_ *testing.T, f *fixture, p *resource.OutParams) {
			f.noATC, p.Pipeline = true, &resource.PipelineParams{Name: "own"}
		}, []string{"params.pipeline needs source.concourse"}},
		{"instance vars that are not JSON", func(_ *testing.T, f *fixture, _ *resource.OutParams) { f.build.InstanceVars = "{" }, []string{"parse BUILD_PIPELINE_INSTANCE_VARS"}},
		{"an ATC that is away", func(_ *testing.T, f *fixture, _ *resource.OutParams) { f.atc.readErr = errUnreachable }, []string{"read pipeline self-upgrade", "connection refused"}},
	})
}

func TestOut_changesNothingUnlessTheManifestIsValid(t *testing.T) {
	refuse(t, []badInput{
		{"a manifest that is not YAML", func(t *testing.T, f *fixture, _ *resource.OutParams) { f.write(t, "manifest.yml", "name: [") }, []string{"parse manifest.yml"}},
		{"a first manifest that is not YAML", func(t *testing.T, f *fixture, _ *resource.OutParams) {
			delete(f.director.deployed, "concourse")
			f.write(t, "manifest.yml", "name: [")
		}, []string{"parse manifest.yml"}},
		{"an ops file that does not apply", func(t *testing.T, f *fixture, p *resource.OutParams) {
			f.write(t, "ops.yml", "- {type: replace, path: /instance_groups/name=none/instances, value: 3}")
			p.OpsFiles = []string{"ops.yml"}
		}, []string{"apply ops file ops.yml"}},
		{"variables without value", func(t *testing.T, f *fixture, _ *resource.OutParams) {
			f.write(t, "manifest.yml", "name: concourse\ninstance_groups: [{name: web, a: ((first_one)), b: ((second_one))}]")
		}, []string{"no value for", "first_one", "second_one", "params.vars"}},
		{"another deployment's manifest", func(t *testing.T, f *fixture, _ *resource.OutParams) {
			f.write(t, "manifest.yml", "name: vault\ninstance_groups: [{name: web}]")
		}, []string{`its name is "vault", but source.deployment is "concourse"`}},
		{"a manifest without instance groups", func(t *testing.T, f *fixture, _ *resource.OutParams) {
			f.write(t, "manifest.yml", "name: concourse\ninstance_groups: []")
		}, []string{"no instance_groups", "delete every instance"}},
		{"a director that is away", func(_ *testing.T, f *fixture, _ *resource.OutParams) {
			f.director.faults["Deployment"] = []error{errUnreachable}
		}, []string{"read deployment concourse", "connection refused"}},
	})
}
