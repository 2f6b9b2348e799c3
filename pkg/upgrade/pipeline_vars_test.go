package upgrade_test

import (
	"encoding/json"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/upgrade/plan"
)

// A pipeline's file is filled in as fly set-pipeline fills it in.
func TestOut_fillsInAPipelineFileAsFlyDoes(t *testing.T) {
	const file = `resources: [{name: r, type: git, source: {branch: ((branch)), tag: v-((n)), date: ((date)), on: ((flag)), dotted: ((foo."bar.baz")), token: ((vault:git.token)), text: "((b.c))"}}]`
	for name, c := range map[string]struct {
		build plan.Build
		edit  func(*resource.PipelineParams)
	}{
		"instance vars of params": {plan.Build{}, func(p *resource.PipelineParams) {
			p.Name, p.InstanceVars = "own", map[string]any{"branch": "feature/x", "n": json.Number("12345678")}
		}},
		"instance vars of the build": {plan.Build{Pipeline: "own", InstanceVars: `{"branch": "feature/x", "n": 12345678}`}, func(*resource.PipelineParams) {}},
		"instance vars over all others": {plan.Build{Pipeline: "own", InstanceVars: `{"branch": "feature/x"}`}, func(p *resource.PipelineParams) {
			p.Vars = map[string]any{"branch": "main", "n": json.Number("12345678")}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.build = c.build
				f.write(t, "own.yml", file)
				f.write(t, "early.yml", "branch: early\nflag: on\ndate: 2026-01-01\n")
				f.write(t, "late.yml", "date: 2026-01-02\nfoo: {bar.baz: x}\n")
				params := &resource.PipelineParams{File: "own.yml", VarsFiles: []string{"early.yml", "late.yml"}}
				c.edit(params)
				if params.Vars == nil {
					params.Vars = map[string]any{}
				}
				params.Vars["b.c"] = "member"
				if _, err := f.out(t.Context(), func(p *resource.OutParams) { p.Pipeline = params }); err != nil {
					t.Fatal(err)
				}
				var set string
				for name := range f.atc.pipelines {
					if name != "self-upgrade" {
						set = name
					}
				}
				wantText(t, "pipeline "+set, f.atc.pipeline(set), "branch: feature/x", "tag: v-12345678", `date: "2026-01-02"`, "true: true", "dotted: x", "token: ((vault:git.token))", "text: member")
			})
		})
	}
}

// Ops files work on a file of one's own as they do on the bundled pipeline.
func TestOut_appliesOpsFilesToThePipeline(t *testing.T) {
	for _, file := range []string{"", "own.yml"} {
		t.Run(file, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.write(t, "own.yml", "jobs: [{name: verify, plan: [{get: x}]}]\nresources: [{name: x, type: git, source: {}}]")
				f.write(t, "ops.yml", "- type: replace\n  path: /jobs/name=verify/on_failure?\n  value: {put: slack, params: {text: ((text)), to: ((vault:slack.room))}}\n")
				put := func(vars map[string]any) {
					t.Helper()
					if _, err := f.out(t.Context(), func(p *resource.OutParams) {
						p.Pipeline = &resource.PipelineParams{Name: "mine", File: file, OpsFiles: []string{"ops.yml"}, Vars: vars}
					}); err != nil {
						t.Fatal(err)
					}
				}
				put(map[string]any{"text": "it failed"})
				wantText(t, "pipeline", f.atc.pipeline("mine"), "put: slack", "text: it failed", "to: ((vault:slack.room))")
				if file == "" { // the bundled one keeps what is set
					put(nil)
					wantText(t, "pipeline", f.atc.pipeline("mine"), "text: it failed")
				}
			})
		})
	}
}

func TestOut_changesNothingUnlessThePipelinesOpsAndVarsAreGood(t *testing.T) {
	given := func(edit func(*resource.PipelineParams)) func(t *testing.T, f *fixture, p *resource.OutParams) {
		return func(t *testing.T, f *fixture, p *resource.OutParams) {
			f.write(t, "own.yml", "jobs: []\na: ((b.c))\n")
			f.write(t, "ops.yml", "- {type: remove, path: /jobs/name=none}\n")
			f.write(t, "broken.yml", "a: 1\nb: c: d\n")
			p.Pipeline = &resource.PipelineParams{Name: "own", File: "own.yml"}
			edit(p.Pipeline)
		}
	}
	refuse(t, []badInput{
		{"no ops file", given(func(p *resource.PipelineParams) { p.OpsFiles = []string{"none.yml"} }), []string{"params.pipeline.ops_files", "none.yml"}},
		{"ops that do not apply", given(func(p *resource.PipelineParams) { p.OpsFiles = []string{"ops.yml"} }), []string{"prepare pipeline: apply ops file ops.yml", "name=none"}},
		{"a broken vars file", given(func(p *resource.PipelineParams) { p.VarsFiles = []string{"broken.yml"} }), []string{"params.pipeline.vars_files: parse broken.yml: yaml: line 2: "}},
		{"a member that is not there", given(func(p *resource.PipelineParams) { p.Vars = map[string]any{"b": map[string]any{"d": 1}} }), []string{"prepare pipeline: render own.yml: missing field 'c' in var: b.c"}},
	})
}
