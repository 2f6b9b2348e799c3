package upgrade_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pipelines"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/upgrade/plan"
)

// replaceOnce replaces a text that is there.
func replaceOnce(t *testing.T, text, from, to string) string {
	t.Helper()
	if !strings.Contains(text, from) {
		t.Fatalf("%q is not in:\n%s", from, text)
	}
	return strings.Replace(text, from, to, 1)
}

func TestOut_setsTheBundledPipelineWithTheValuesThatAreSet(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.write(t, "vars.yml", "atc_url: https://ci.example.com\ndirector_url: from-a-file\n")
		_, err := f.out(t.Context(), func(p *resource.OutParams) {
			p.Pipeline = &resource.PipelineParams{VarsFiles: []string{"vars.yml"}, Vars: map[string]any{"director_url": "https://10.0.0.7:25555"}}
		})
		if err != nil {
			t.Fatal(err)
		}
		text := f.atc.pipeline("self-upgrade")
		wantText(t, "pipeline", text,
			"tag: 1.3.0",                     // of the component set
			"version: 8.x",                   // set before, over the default *
			"username: ci",                   // set before
			"token: ((vault:github.token))",  // a placeholder that was set before
			"password: ((atc_password))",     // never given: the credential manager's
			"url: https://10.0.0.7:25555",    // given now, over what was set and the file
			"url: https://ci.example.com",    // given now, in a file
			"ghcr.io/perpetual-ci/perpetual", // the default
			"client: ((director_client))",    // never given
		)
		for _, old := range []string{"1.2.0", "10.0.0.6", "from-a-file"} {
			if strings.Contains(text, old) {
				t.Errorf("the pipeline still has %s", old)
			}
		}
	})
}

func TestOut_choosesThePipelineToSet(t *testing.T) {
	own := func(t *testing.T, f *fixture) {
		f.write(t, "own.yml", "jobs: [{name: unit, plan: [{get: ((source))}]}]\n")
	}
	for _, c := range []struct {
		name   string
		build  plan.Build
		params *resource.PipelineParams
		want   string
		holds  string
	}{
		{"the build's own", plan.Build{Pipeline: "self-upgrade"}, nil, "self-upgrade", "1.3.0"},
		{"the build's own instance", plan.Build{Pipeline: "env", InstanceVars: `{"env":"production"}`}, nil, `env {"env":"production"}`, "1.3.0"},
		{"outside of a build", plan.Build{}, nil, "self-upgrade", "1.3.0"},
		{"by name", plan.Build{Pipeline: "caller"}, &resource.PipelineParams{Name: "new"}, "new", "1.3.0"},
		{"by name, not the build's instance", plan.Build{Pipeline: "caller", InstanceVars: `{"env":"production"}`}, &resource.PipelineParams{Name: "new"}, "new", "1.3.0"},
		{"by name and instance", plan.Build{}, &resource.PipelineParams{Name: "new", InstanceVars: map[string]any{"env": "test"}}, `new {"env":"test"}`, "1.3.0"},
		{"a file over the build's own", plan.Build{Pipeline: "foreign"}, &resource.PipelineParams{File: "own.yml"}, "foreign", "get: ((source))"},
		{"a file with a value", plan.Build{Pipeline: "foreign"}, &resource.PipelineParams{File: "own.yml", Vars: map[string]any{"source": "code"}}, "foreign", "get: code"},
		{"the bundled one over a named one", plan.Build{}, &resource.PipelineParams{Name: "foreign"}, "foreign", "1.3.0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				own(t, f)
				f.atc.pipelines["foreign"] = []byte("jobs: [{name: lint}]")
				f.build = c.build
				if _, err := f.out(t.Context(), func(p *resource.OutParams) { p.Pipeline = c.params }); err != nil {
					t.Fatal(err)
				}
				if f.count("set pipeline "+c.want) != 1 || f.count("set pipeline") != 1 {
					t.Errorf("effects %q, want pipeline %s set", f.all(), c.want)
				}
				wantText(t, "pipeline", f.atc.pipeline(c.want), c.holds)
			})
		})
	}
}

// fly does the same: what stands in the file is what is set.
func TestOut_takesAPipelineFileAsItIs(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.build.Pipeline = "mine"
		f.atc.pipelines["mine"] = []byte("resources: [{name: r, type: s3, source: {secret_access_key: AKIAOLDLITERAL, uri: old}}]")
		f.write(t, "own.yml", "resources: [{name: r, type: s3, source: {secret_access_key: ((aws_secret)), uri: ((concourse_url))}}]")
		if _, err := f.out(t.Context(), func(p *resource.OutParams) { p.Pipeline = &resource.PipelineParams{File: "own.yml"} }); err != nil {
			t.Fatal(err)
		}
		wantText(t, "pipeline", f.atc.pipeline("mine"), "secret_access_key: ((aws_secret))", "uri: ((concourse_url))")
	})
}

func TestOut_setsThePipelineOfItsOwnTeamOnly(t *testing.T) {
	for _, c := range []struct {
		build, source, name string
		refused             bool
	}{
		{"main", "", "", false}, {"", "ops", "", false}, {"ops", "ops", "", false},
		{"ops", "", "", true}, {"main", "ops", "", true}, {"ops", "main", "named", false},
	} {
		t.Run(c.build+" "+c.source+" "+c.name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.build.Team, f.team = c.build, c.source
				_, err := f.out(t.Context(), func(p *resource.OutParams) {
					if c.name != "" {
						p.Pipeline = &resource.PipelineParams{Name: c.name}
					}
				})
				if !c.refused {
					if err != nil || f.count("set pipeline") != 1 {
						t.Errorf("%v, effects %q", err, f.all())
					}
					return
				}
				wantError(t, err, `this build's pipeline is in team "`+c.build+`"`, "source.concourse.team", "params.pipeline.name")
				if done := f.all(); len(done) > 0 {
					t.Errorf("it changed %q", done)
				}
			})
		})
	}
}

func TestOut_saysWhatItChangedInThePipeline(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.atc.diff = []concourse.DiffLine{
			{Op: " ", Text: "jobs/upgrade"}, {Op: "-", Text: "old"}, {Op: " ", Text: "  context"}, {Op: " ", Text: "resource_types/perpetual"}, {Op: "+", Text: "new"},
		}
		result, err := f.out(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		want := resource.Field{Name: "pipeline changed", Value: "jobs/upgrade, resource_types/perpetual"}
		if last := result.Metadata[len(result.Metadata)-1]; last != want {
			t.Errorf("metadata ends with %v, want %v", last, want)
		}
	})
}

func TestOut_deploysWithoutSettingAPipeline(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(f *fixture, p *resource.OutParams)
		want string
	}{
		{"skipped", func(_ *fixture, p *resource.OutParams) { p.Pipeline = &resource.PipelineParams{Skip: true} }, "skipped, as params.pipeline.skip says"},
		{"skipped without an ATC", func(f *fixture, p *resource.OutParams) {
			f.noATC, p.Pipeline = true, &resource.PipelineParams{Skip: true}
		}, "skipped, as params.pipeline.skip says"},
		{"without an ATC", func(f *fixture, _ *resource.OutParams) { f.noATC = true }, "skipped, as the source has no concourse section"},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				var p resource.OutParams
				result, err := f.out(t.Context(), func(params *resource.OutParams) { c.edit(f, params); p = *params })
				if err != nil {
					t.Fatal(err)
				}
				if f.count("set pipeline") != 0 || f.count("deploy") != 1 {
					t.Errorf("effects %q with params %+v", f.all(), p)
				}
				if last := result.Metadata[len(result.Metadata)-1]; last.Value != c.want {
					t.Errorf("metadata says %q, want %q", last.Value, c.want)
				}
			})
		})
	}
}

func TestOut_saysThatANewPipelineIsPaused(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		f.build.Pipeline = "new"
		result, err := f.out(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if last := result.Metadata[len(result.Metadata)-1]; last.Value != "new: created (paused, as Concourse creates pipelines)" {
			t.Errorf("metadata says %q", last.Value)
		}
	})
}

func TestOut_replacesOnlyAPipelineThatComesFromTheBundledOne(t *testing.T) {
	bundled := string(pipelines.SelfUpgrade())
	for name, c := range map[string]struct {
		text string
		sets bool
	}{
		"an earlier version":      {bundled, true},
		"with a job of the users": {bundled + "- {name: mine, plan: [{get: components}]}\n", true},
		"without verify":          {replaceOnce(t, bundled, "- name: verify", "- name: test"), false},
		"another resource type":   {replaceOnce(t, bundled, "- name: deployment\n  type: perpetual", "- name: deployment\n  type: bosh-deployment"), false},
		"something else":          {"jobs: [{name: upgrade}, {name: verify}]", false},
		"no YAML":                 {"jobs: [", false},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.atc.pipelines["self-upgrade"] = []byte(c.text)
				_, err := f.out(t.Context(), nil)
				if sets := f.count("set pipeline") == 1; sets != c.sets || (err == nil) != c.sets {
					t.Errorf("set: %t, %v, want %t", sets, err, c.sets)
				}
			})
		})
	}
}

// Concourse 8 has keys that the library of this program knows nothing of.
func TestOut_keepsKeysThatOnlyANewerConcourseKnows(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		own := replaceOnce(t, string(f.atc.pipelines["self-upgrade"]), "- name: upgrade\n", "- disable_reruns: true\n  name: upgrade\n")
		f.atc.pipelines["self-upgrade"] = []byte(own)
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		wantText(t, "pipeline", f.atc.pipeline("self-upgrade"), "disable_reruns: true", "tag: 1.3.0")
	})
}
