package upgrade_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/manifest/bundle"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// bundled makes the bundled manifest the deployed one, with ops files, and gives what a
// put of it needs.
func (f *fixture) bundled(t *testing.T, ops ...string) {
	t.Helper()
	f.has("bpm/1.4.33", "postgres/54.0.5")
	m := template.Template{File: bundle.Concourse(), Vars: []map[string]any{
		bundle.ConcourseDefaults(), bundledVars(),
		{"deployment_name": "concourse", "concourse_version": "8.2.0", "stemcell_name": stemcellName, "stemcell_version": "1.1340"},
	}}
	for _, text := range ops {
		m.OpsFiles = append(m.OpsFiles, template.File{Name: "ops.yml", Text: []byte(text)})
	}
	f.director.record("concourse", template.WithoutEmptyVariables(render(t, m)))
}

const (
	rds = "- {type: remove, path: /instance_groups/name=db}\n- {type: remove, path: /releases/name=postgres}\n" +
		"- {type: replace, path: \"/instance_groups/name=web/jobs/name=web/properties/postgresql/host?\", value: db.example.com}\n"
	installed = "- {type: replace, path: \"/perpetual_installation?\", value: ci}\n" +
		"- {type: replace, path: \"/instance_groups/name=web/jobs/name=web/properties/tls?/bind_port\", value: 443}\n"
	metrics = "- {type: replace, path: /instance_groups/-, value: {name: metrics, instances: 1, azs: [z1], networks: [{name: default}], stemcell: default, vm_type: default, jobs: []}}\n"
)

func TestOut_refusesTheBundledManifestOverAnother(t *testing.T) {
	for name, c := range map[string]struct {
		deployed func(t *testing.T, f *fixture)
		ops      string // of the put
		want     []string
	}{
		"another's": {
			func(*testing.T, *fixture) {}, "", // that of testdata
			[]string{"instance group db would appear", "web: network default would appear", "worker: job bpm would appear"},
		},
		"one of one group, with its database elsewhere": {
			func(_ *testing.T, f *fixture) {
				f.director.record("concourse", []byte("name: concourse\nreleases: [{name: concourse, version: 8.2.0}]\nstemcells: []\ninstance_groups:\n- name: all\n  persistent_disk: 1024\n"+
					"  networks: [{name: private}]\n  jobs: [{name: web, release: concourse, properties: {postgresql: {host: db.example.com}}}]\n"))
			}, "",
			[]string{"instance group all would vanish with its persistent disk", "postgresql.host of web: db.example.com would become instance group db"},
		},
		"its ops files are forgotten": {
			func(t *testing.T, f *fixture) { f.bundled(t, rds) }, "",
			[]string{"instance group db would appear", "postgresql.host of web: db.example.com would become instance group db"},
		},
		"the installer's": {
			func(t *testing.T, f *fixture) { f.bundled(t, installed) }, "",
			[]string{"what the installer has added for the installation ci, such as TLS, would vanish (perpetual deploy ci --upgrade keeps it)"},
		},
		"an ops file moves the database": {
			func(t *testing.T, f *fixture) { f.bundled(t) }, rds,
			[]string{"instance group db would vanish with its persistent disk", "postgresql.host of web: instance group db would become db.example.com"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				c.deployed(t, f)
				f.has("bpm/1.4.33", "postgres/54.0.5")
				edit := func(p *resource.OutParams) {
					p.Manifest, p.Vars = "", bundledVars()
					if c.ops != "" {
						f.write(t, "ops.yml", c.ops)
						p.OpsFiles = []string{"ops.yml"}
					}
				}
				for _, dry := range []bool{false, true} {
					_, err := f.out(t.Context(), func(p *resource.OutParams) { edit(p); p.DryRun = dry })
					wantError(t, err, append(c.want, "refuse to deploy the bundled manifest over another one: ", "nothing was changed", "params.manifest", "params.adopt: true")...)
				}
				// Nothing that it lacks is asked for before that.
				_, err := f.out(t.Context(), func(p *resource.OutParams) { edit(p); p.Vars = nil })
				wantError(t, err, c.want...)
				if _, err := f.out(t.Context(), func(p *resource.OutParams) { edit(p); p.Adopt, p.DryRun = true, true }); err != nil {
					t.Fatal(err)
				}
				for _, want := range c.want {
					if n := strings.Count(f.log.String(), "adopt: "+want+"\n"); n != 1 {
						t.Errorf("the dry run says %d times %q:\n%s", n, want, f.log.String())
					}
				}
				if done := f.all(); len(done) > 0 {
					t.Errorf("it changed %q", done)
				}
				if _, err := f.out(t.Context(), func(p *resource.OutParams) { edit(p); p.Adopt = true }); err != nil || f.count("deploy") != 1 {
					t.Errorf("with adopt: effects %q, %v", f.all(), err)
				}
			})
		})
	}
}

func TestOut_deploysTheBundledManifestOverItself(t *testing.T) {
	for name, c := range map[string]struct {
		deployed []string // ops
		ops      string
		vars     map[string]any
	}{
		"with newer versions":           {},
		"with more workers":             {vars: map[string]any{"worker_instances": 4}},
		"in another network":            {vars: map[string]any{"network_name": "private"}},
		"with an ops file more":         {ops: metrics},
		"with an ops file less":         {deployed: []string{metrics}},
		"with its database elsewhere":   {deployed: []string{rds}, ops: rds},
		"of before its major was in it": {deployed: []string{"- {type: remove, path: /instance_groups/name=db/jobs/name=postgres/properties/databases/version}\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.bundled(t, c.deployed...)
				f.write(t, "ops.yml", c.ops)
				_, err := f.out(t.Context(), func(p *resource.OutParams) {
					if p.Manifest, p.Vars = "", c.vars; c.ops != "" {
						p.OpsFiles = []string{"ops.yml"}
					}
				})
				if err != nil || f.count("deploy") != 1 {
					t.Errorf("effects %q, %v", f.all(), err)
				}
			})
		})
	}
}

// Community ops files add to the section variables.
func TestOut_takesOpsFilesThatAddVariables(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.bundled(t)
		f.set(t, "8.2.0", "1.1340")
		bundled := func(p *resource.OutParams) { p.Manifest = "" }
		result, err := f.out(t.Context(), bundled)
		if err != nil || metadata(result)["deploy"] != "nothing to deploy" {
			t.Fatalf("without one: %v, %v", result, err)
		}
		f.write(t, "ops.yml", "- type: replace\n  path: /variables/-\n  value: {name: my_password, type: password}\n")
		if _, err := f.out(t.Context(), func(p *resource.OutParams) { bundled(p); p.OpsFiles = []string{"ops.yml"} }); err != nil {
			t.Fatal(err)
		}
		wantText(t, "manifest", f.submitted(t), "variables:\n- name: my_password\n  type: password\n")
	})
}
