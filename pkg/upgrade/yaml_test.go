package upgrade_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// Vars files, manifests and ops files are read as the bosh CLI reads them.
func TestOut_readsVarsFilesAsTheBoshCLIDoes(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.write(t, "manifest.yml", string(manifestTemplate(t))+"properties: [((a)), ((b)), ((c)), v ((d)) x, ((e))]\n")
		f.write(t, "vars.yml", "a: yes\nb: 'yes'\nc: off\nd: 2012-10-17\ne: first\ne: last\n")
		if _, err := f.out(t.Context(), func(p *resource.OutParams) { p.VarsFiles = []string{"vars.yml"} }); err != nil {
			t.Fatal(err)
		}
		wantText(t, "manifest", f.submitted(t), "- true\n- \"yes\"\n- false\n- v 2012-10-17 x\n- last\n")
		wantText(t, "log", f.log.String(), `vars.yml: line 6: duplicate key "e", of which the last one counts; the first is on line 5`)
	})
}

// What is there twice is said of every file that a put reads.
func TestOut_saysWhichKeysAreThereTwice(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.write(t, "manifest.yml", string(manifestTemplate(t))+"properties: {a: 1,\n a: 2}\n")
		f.write(t, "ops.yml", "- type: replace\n  path: /x?\n  value: 1\n  value: 2\n")
		f.write(t, "cloud.yml", "azs: []\nazs: []\n")
		f.write(t, "p.yml", "jobs: []\njobs: []\n")
		f.write(t, "v.yml", "a: 1\na: 2\n")
		if _, err := f.out(t.Context(), func(p *resource.OutParams) {
			p.OpsFiles, p.CloudConfig = []string{"ops.yml"}, "cloud.yml"
			p.Pipeline = &resource.PipelineParams{Name: "own", File: "p.yml", VarsFiles: []string{"v.yml"}}
		}); err != nil {
			t.Fatal(err)
		}
		wantText(t, "manifest", f.submitted(t), "a: 2", "x: 2")
		for _, name := range []string{"manifest.yml", "ops.yml", "cloud.yml", "p.yml", "v.yml"} {
			if n := strings.Count(f.log.String(), name+": line "); n != 1 {
				t.Errorf("%s: said %d times:\n%s", name, n, f.log.String())
			}
		}
	})
}

func TestOut_saysWhereAFileIsBroken(t *testing.T) {
	refuse(t, []badInput{
		{"a vars file", func(t *testing.T, f *fixture, p *resource.OutParams) {
			f.write(t, "vars.yml", "a: 1\nb: x: y\n")
			p.VarsFiles = []string{"vars.yml"}
		}, []string{"params.vars_files: parse vars.yml: yaml: line 2: mapping values are not allowed"}},
		{"a vars file of JSON with surrogates, which the bosh CLI refuses", func(t *testing.T, f *fixture, p *resource.OutParams) {
			f.write(t, "vars.json", `{"a": "\ud83d\ude00"}`)
			p.VarsFiles = []string{"vars.json"}
		}, []string{"params.vars_files: parse vars.json: yaml: line 1: found invalid Unicode character escape code"}},
		{"a cloud config", func(t *testing.T, f *fixture, p *resource.OutParams) {
			f.write(t, "cloud.yml", "azs:\n- name: z1\n  x: {")
			p.CloudConfig = "cloud.yml"
		}, []string{"params.cloud_config: parse cloud.yml: yaml: line 3: did not find expected"}},
	})
}

const cloudConfig = "azs: [{name: ((zone)), cloud_properties: {size: x-((!size)), version: ((concourse_version))}}]\n"

// A cloud config gets the variables of the manifest: given ones, those of the
// component set, and what is deployed.
func TestOut_fillsInTheCloudConfig(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.write(t, "cloud.yml", cloudConfig+"key: ((worker_key))\n")
		f.write(t, "vars.yml", "zone: z1\nsize: 1\n")
		if _, err := f.out(t.Context(), func(p *resource.OutParams) {
			p.CloudConfig, p.VarsFiles, p.Vars = "cloud.yml", []string{"vars.yml"}, map[string]any{"size": "large"}
		}); err != nil {
			t.Fatal(err)
		}
		wantText(t, "cloud config", f.director.cloudConfig, "name: z1", "size: x-large", "version: 8.2.1", "key: "+keptKey)
	})
}

// What nobody has given or deployed has the same default in both.
func TestOut_fillsInTheCloudConfigWithTheDefaultsOfTheBundledManifest(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.bundled(t)
		delete(f.director.deployed, "concourse")
		f.write(t, "cloud.yml", "networks: [{name: ((network_name))}]\n")
		if _, err := f.out(t.Context(), func(p *resource.OutParams) {
			p.Manifest, p.Vars, p.CloudConfig = "", bundledVars(), "cloud.yml"
		}); err != nil {
			t.Fatal(err)
		}
		wantText(t, "cloud config", f.director.cloudConfig, "name: default\n")
	})
}

// Without a variable in it, not a byte of it changes.
func TestOut_setsACloudConfigAsItIs(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.write(t, "cloud.yml", "# mine\nazs:   []\n")
		if _, err := f.out(t.Context(), func(p *resource.OutParams) { p.CloudConfig = "cloud.yml" }); err != nil {
			t.Fatal(err)
		}
		if got := f.director.cloudConfig; got != "# mine\nazs:   []\n" {
			t.Errorf("cloud config = %q", got)
		}
	})
}

func TestOut_leavesTheCloudConfigsVariablesToTheConfigServer(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.director.configServer = true
		f.write(t, "cloud.yml", cloudConfig)
		if _, err := f.out(t.Context(), func(p *resource.OutParams) {
			p.CloudConfig, p.Vars = "cloud.yml", map[string]any{"zone": "z1"}
		}); err != nil {
			t.Fatal(err)
		}
		wantText(t, "cloud config", f.director.cloudConfig, "name: z1", "size: x-((!size))")
	})
}

func TestOut_refusesACloudConfigWithVariablesLeft(t *testing.T) {
	given := func(t *testing.T, f *fixture, p *resource.OutParams) {
		f.write(t, "cloud.yml", cloudConfig)
		p.CloudConfig = "cloud.yml"
	}
	refuse(t, []badInput{
		{"a put", given, []string{"render cloud.yml: no value for size, zone; give them in params.vars or params.vars_files"}},
		{"a dry run", func(t *testing.T, f *fixture, p *resource.OutParams) { given(t, f, p); p.DryRun = true }, []string{"no value for size, zone"}},
		{"a director that does not tell", func(t *testing.T, f *fixture, p *resource.OutParams) {
			given(t, f, p)
			f.director.faults["ConfigServer"] = []error{errUnreachable}
		}, []string{"ask the director for its config server", "connection refused"}},
	})
}

// Real manifests are full of members of variables, and of variables inside texts.
func TestOut_keepsTheDeployedValueOfEveryForm(t *testing.T) {
	const forms = "properties: {a: ((tls.certificate)), b: ((!plain)), c: ((/abs/ca.certificate)), d: \"http://((host)):((port))\", e: ((tls.key))}\n"
	play(t, func(t *testing.T, f *fixture) {
		f.write(t, "manifest.yml", string(manifestTemplate(t))+forms)
		f.director.record("concourse", append(f.manifest(t, nil), "properties: {a: C, b: [1], c: CA, d: 'http://ci:80', e: K}\n"...))
		if _, err := f.out(t.Context(), func(p *resource.OutParams) { p.Vars = map[string]any{"tls.key": "given"} }); err != nil {
			t.Fatal(err)
		}
		wantText(t, "manifest", f.submitted(t), "a: C\n", "b:\n  - 1\n", "c: CA\n", "d: http://ci:80\n", "e: given\n")
		if !strings.Contains(strings.Join(f.masked, " "), "given") {
			t.Errorf("the key is not masked: %q", f.masked)
		}
	})
}

func TestOut_keepsNoValueThatATextDoesNotTell(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.write(t, "manifest.yml", string(manifestTemplate(t))+"properties: {a: ((x))((y)), b: ((z.a)), c: ((z.a))}\n")
		f.director.record("concourse", append(f.manifest(t, nil), "properties: {a: abc, b: 1, c: 2}\n"...))
		_, err := f.out(t.Context(), nil)
		wantError(t, err, "keep the deployed values in manifest.yml: what ((x)), ((y)), ((z.a)) is now is not certain", "params.vars")
		if _, err := f.out(t.Context(), func(p *resource.OutParams) {
			p.Vars = map[string]any{"x": "a", "y": "d", "z": map[string]any{"a": 3}}
		}); err != nil {
			t.Fatal(err)
		}
		wantText(t, "manifest", f.submitted(t), "a: ad\n", "b: 3\n", "c: 3\n")
	})
}
