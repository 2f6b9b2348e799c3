package upgrade_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// bundledVars are the values that a first deploy of the bundled manifest needs
// besides those of the component set.
func bundledVars() map[string]any {
	vars := map[string]any{"bpm_version": "1.4.33", "postgres_version": "54.0.5", "local_users": []any{"a:b"}, "main_team_users": []any{"a"}}
	for _, name := range []string{
		"external_url", "postgres_password", "encryption_key", "token_signing_key",
		"tsa_host_key", "tsa_host_public_key", "worker_public_key", "worker_private_key",
	} {
		vars[name] = "value-of-" + name
	}
	return vars
}

// group is a group of the submitted manifest.
func (f *fixture) group(t *testing.T, name string) map[string]any {
	t.Helper()
	var m struct {
		InstanceGroups []map[string]any `yaml:"instance_groups"`
	}
	if err := yaml.Unmarshal([]byte(f.submitted(t)), &m); err != nil {
		t.Fatal(err)
	}
	for _, group := range m.InstanceGroups {
		if group["name"] == name {
			return group
		}
	}
	t.Fatalf("the manifest has no group %s", name)
	return nil
}

func TestOut_takesLaterValuesOverEarlierOnes(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(t *testing.T, f *fixture, p *resource.OutParams)
		want string // Concourse's version in the submitted manifest
	}{
		{"what is deployed", func(_ *testing.T, _ *fixture, p *resource.OutParams) { p.Components, p.Recreate = "", true }, "8.2.0"},
		{"the component set", func(*testing.T, *fixture, *resource.OutParams) {}, "8.2.1"},
		{"vars_files over it", func(t *testing.T, f *fixture, p *resource.OutParams) {
			f.write(t, "vars.yml", "concourse_version: 8.2.2")
			p.VarsFiles = []string{"vars.yml"}
		}, "8.2.2"},
		{"the last of vars_files", func(t *testing.T, f *fixture, p *resource.OutParams) {
			f.write(t, "vars.yml", "concourse_version: 8.2.2")
			f.write(t, "more.yml", "concourse_version: 8.2.3")
			p.VarsFiles = []string{"vars.yml", "more.yml"}
		}, "8.2.3"},
		{"vars over all", func(t *testing.T, f *fixture, p *resource.OutParams) {
			f.write(t, "vars.yml", "concourse_version: 8.2.2")
			p.VarsFiles, p.Vars = []string{"vars.yml"}, map[string]any{"concourse_version": "8.2.4"}
		}, "8.2.4"},
		{"a file of the image", func(t *testing.T, f *fixture, p *resource.OutParams) {
			f.write(t, "vars.yml", "concourse_version: 8.2.6")
			p.VarsFiles = []string{f.dir + "/vars.yml"}
		}, "8.2.6"},
		{"ops files after all", func(t *testing.T, f *fixture, p *resource.OutParams) {
			f.write(t, "ops.yml", "- {type: replace, path: /releases/name=concourse/version, value: 8.2.5}")
			p.OpsFiles, p.Vars = []string{"ops.yml"}, map[string]any{"concourse_version": "8.2.4"}
		}, "8.2.5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.has("concourse/8.2.2", "concourse/8.2.3", "concourse/8.2.4", "concourse/8.2.5", "concourse/8.2.6")
				if _, err := f.out(t.Context(), func(p *resource.OutParams) {
					p.IgnoreSet = []string{"concourse"} // others than the set may name the version
					if c.edit(t, f, p); p.Components == "" || c.want == "8.2.1" {
						p.IgnoreSet = nil
					}
				}); err != nil {
					t.Fatal(err)
				}
				wantText(t, "manifest", f.submitted(t), "version: "+c.want, keptKey)
			})
		})
	}
}

func TestOut_deploysTheBundledManifestFirstFromDefaultsThenFromWhatIsDeployed(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		delete(f.director.deployed, "concourse")
		f.director.tasks = nil
		f.director.deploy.takes = 0
		f.has("bpm/1.4.33", "postgres/54.0.5")
		vars := bundledVars()
		vars["worker_instances"] = json.Number("3")
		if _, err := f.out(t.Context(), func(p *resource.OutParams) { p.Manifest, p.Vars = "", vars }); err != nil {
			t.Fatal(err)
		}
		if web, worker := f.group(t, "web")["instances"], f.group(t, "worker")["instances"]; web != 1 || worker != 3 {
			t.Errorf("%v web and %v worker instances, want the default 1 and 3 as given", web, worker)
		}
		wantText(t, "manifest", f.submitted(t), "drain_timeout: 1h", "name: concourse", "value-of-encryption_key")

		f.set(t, "8.2.2", "1.1364")
		if _, err := f.out(t.Context(), func(p *resource.OutParams) {
			p.Manifest, p.Vars = "", map[string]any{"drain_timeout": "2h"}
		}); err != nil {
			t.Fatal(err)
		}
		if worker := f.group(t, "worker")["instances"]; worker != 3 {
			t.Errorf("%v worker instances: what is not given again keeps its value", worker)
		}
		wantText(t, "manifest", f.submitted(t), "drain_timeout: 2h", "8.2.2", "value-of-encryption_key")
		if n := f.count("deploy"); n != 2 {
			t.Errorf("%d deploys", n)
		}
	})
}

func TestOut_keepsTheTypesOfVars(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.write(t, "manifest.yml", string(manifestTemplate(t))+"properties: ((given))\n")
		given := map[string]any{"int": json.Number("3"), "text": "3", "list": []any{json.Number("1.5"), true, nil}}
		if _, err := f.out(t.Context(), func(p *resource.OutParams) { p.Vars = map[string]any{"given": given} }); err != nil {
			t.Fatal(err)
		}
		var got struct{ Properties map[string]any }
		if err := yaml.Unmarshal([]byte(f.submitted(t)), &got); err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"int": 3, "text": "3", "list": []any{1.5, true, nil}}
		if diff := cmp.Diff(want, got.Properties); diff != "" {
			t.Errorf("properties (-want +got):\n%s", diff)
		}
	})
}

func TestOut_leavesVariablesToTheConfigServer(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.director.configServer = true
		f.write(t, "manifest.yml", string(manifestTemplate(t))+"variables: [{name: new_password, type: password}]\nfeatures: {password: ((new_password))}\n")
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		wantText(t, "manifest", f.submitted(t), "password: ((new_password))", "8.2.1", keptKey)
	})
}

func TestOut_saysWhenTheDirectorDoesNotTellOfItsConfigServer(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.director.faults["ConfigServer"] = []error{errUnreachable}
		f.write(t, "manifest.yml", "name: concourse\ninstance_groups: [{name: web, a: ((first_one))}]")
		_, err := f.out(t.Context(), nil)
		wantError(t, err, "ask the director for its config server", "connection refused")
	})
}

func TestOut_hidesTheCredentialsThatItUses(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.atc.pipelines["self-upgrade"] = []byte(replaceOnce(t, f.atc.pipeline("self-upgrade"), "((vault:github.token))", "set-github-token"))
		f.write(t, "vars.yml", "database_password: given-password")
		if _, err := f.out(t.Context(), func(p *resource.OutParams) { p.VarsFiles = []string{"vars.yml"} }); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{keptKey, "given-password", "set-github-token"} {
			if !slices.Contains(f.masked, want) {
				t.Errorf("%s is not masked: %q", want, f.masked)
			}
		}
		for _, placeholder := range f.masked {
			if placeholder == "((director_client_secret))" {
				t.Errorf("the placeholder %s is masked", placeholder)
			}
		}
	})
}

func TestOut_keepsTheValuesOfWhatAnOpsFileBrings(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.write(t, "ops.yml", "- type: replace\n  path: /instance_groups/name=web/jobs/name=web/properties/vault?/token\n  value: ((vault_token))\n")
		ops := func(p *resource.OutParams) { p.OpsFiles = []string{"ops.yml"} }
		_, err := f.out(t.Context(), func(p *resource.OutParams) { ops(p); p.Vars = map[string]any{"vault_token": "kept-token"} })
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(long)
		f.set(t, "8.2.2", "1.1364")
		if _, err := f.out(t.Context(), ops); err != nil {
			t.Fatal(err)
		}
		wantText(t, "manifest", f.submitted(t), "kept-token", "8.2.2")
	})
}

// One of two places of a variable is changed by an ops file: the other one keeps
// its value, and does not fall back to the default.
func TestOut_keepsAValueThatAnOpsFileHasPartlyReplaced(t *testing.T) {
	const two = "\n- {name: more, instances: ((worker_instances)), jobs: []}\n"
	play(t, func(t *testing.T, f *fixture) {
		f.write(t, "manifest.yml", string(manifestTemplate(t))+two)
		f.write(t, "ops.yml", "- {type: replace, path: /instance_groups/name=more/instances, value: 9}\n")
		f.director.record("concourse", []byte(replaceOnce(t, string(f.manifest(t, nil)), "instance_groups:\n", "instance_groups:\n- {name: more, instances: 9, jobs: []}\n")))
		if _, err := f.out(t.Context(), func(p *resource.OutParams) { p.OpsFiles = []string{"ops.yml"} }); err != nil {
			t.Fatal(err)
		}
		if n := f.group(t, "worker")["instances"]; n != 2 {
			t.Errorf("%v workers, want the 2 that are deployed", n)
		}
	})
}

func TestOut_wantsAValueThatIsNotCertain(t *testing.T) {
	const two = "\n- {name: more, instances: ((worker_instances)), jobs: []}\n"
	play(t, func(t *testing.T, f *fixture) {
		f.write(t, "manifest.yml", string(manifestTemplate(t))+two)
		f.director.record("concourse", []byte(replaceOnce(t, string(f.manifest(t, nil)), "instance_groups:\n", "instance_groups:\n- {name: more, instances: 9, jobs: []}\n")))
		_, err := f.out(t.Context(), nil)
		wantError(t, err, "keep the deployed values in manifest.yml", "what ((worker_instances)) is now is not certain", "params.vars")
		if done := f.all(); len(done) > 0 {
			t.Errorf("it changed %q", done)
		}
		if _, err := f.out(t.Context(), func(p *resource.OutParams) { p.Vars = map[string]any{"worker_instances": 4} }); err != nil {
			t.Errorf("given, it is still not certain: %v", err)
		}
	})
}
