package config_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/perpetual-ci/perpetual/pkg/concourse/config"
)

// ours is what a template has had.
var ours = map[string][]string{
	"resource_types": {"perpetual", "older", "oldest"}, "resources": {"components", "old"}, "jobs": {"upgrade", "verify", "gone"},
	"steps": {"get components", "put old"}, "jobs keys": {"name", "plan", "serial"}, "resources keys": {"name", "type", "source"},
}

const bundled = `
resource_types: [{name: perpetual, type: registry-image, source: {tag: 2}}]
resources: [{name: components, type: perpetual, source: {a: 1}}]
jobs:
- {name: upgrade, plan: [{get: components, trigger: true}]}
- {name: verify, plan: [{get: components}]}
`

func TestKeepForeign(t *testing.T) {
	for name, c := range map[string]struct {
		running, text string // text: without one, bundled
		want          config.Foreign
		result        string // without one: text
	}{
		"nothing foreign": {running: bundled},
		"nothing runs":    {running: ""},
		"what was ours once goes": {running: `
resources: [{name: components, type: perpetual, source: {a: 0}}, {name: old, type: perpetual, source: {}}]
jobs: [{name: upgrade, serial: true, plan: [{put: old}]}, {name: gone, plan: [{get: components}]}]`},
		"a job with its resource and type": {running: `
resource_types: [{name: slack, type: registry-image, source: {repository: slack}}]
resources: [{name: room, type: slack, source: {url: ((slack_url)), n: 12345678}}]
jobs: [{name: lint, plan: [{get: components}, {put: room}]}]
var_sources: [{name: vault, type: vault, config: {url: x}}]`,
			want: config.Foreign{Kept: []string{"job lint", "resource room", "resource type slack", "var source vault"}},
			result: `
resource_types: [{name: perpetual, type: registry-image, source: {tag: 2}}, {name: slack, type: registry-image, source: {repository: slack}}]
resources: [{name: components, type: perpetual, source: {a: 1}}, {name: room, type: slack, source: {url: ((slack_url)), n: 12345678}}]
jobs:
- {name: upgrade, plan: [{get: components, trigger: true}]}
- {name: verify, plan: [{get: components}]}
- {name: lint, plan: [{get: components}, {put: room}]}
var_sources: [{name: vault, type: vault, config: {url: x}}]`},
		"a resource that was ours once, and that a foreign job gets": {running: `
resources: [{name: old, type: perpetual, source: {b: 1}}]
jobs: [{name: mine, plan: [{in_parallel: {steps: [{get: x, resource: old}]}}]}]`,
			want: config.Foreign{Kept: []string{"job mine", "resource old"}},
			result: `
resource_types: [{name: perpetual, type: registry-image, source: {tag: 2}}]
resources: [{name: components, type: perpetual, source: {a: 1}}, {name: old, type: perpetual, source: {b: 1}}]
jobs:
- {name: upgrade, plan: [{get: components, trigger: true}]}
- {name: verify, plan: [{get: components}]}
- {name: mine, plan: [{in_parallel: {steps: [{get: x, resource: old}]}}]}`},
		"hooks and other keys of our own jobs and resources": {running: `
resources: [{name: components, type: perpetual, source: {}, webhook_token: x}, {name: room, type: slack, source: {}}]
jobs: [{name: verify, serial: true, on_failure: {put: room, params: {get: no step}}, plan: [{get: components}]}]`,
			want: config.Foreign{Kept: []string{"on_failure of job verify", "resource room", "webhook_token of resource components"}},
			result: `
resource_types: [{name: perpetual, type: registry-image, source: {tag: 2}}]
resources: [{name: components, type: perpetual, source: {a: 1}, webhook_token: x}, {name: room, type: slack, source: {}}]
jobs:
- {name: upgrade, plan: [{get: components, trigger: true}]}
- {name: verify, plan: [{get: components}], on_failure: {put: room, params: {get: no step}}}`},
		"what was ours once, and that foreign things refer to": {running: `
resource_types: [{name: older, type: oldest, source: {}}, {name: oldest, type: registry-image, source: {}}]
resources: [{name: old, type: older, source: {}}]
jobs: [{name: verify, on_failure: {put: old}, plan: [{get: components}]}]`,
			want: config.Foreign{Kept: []string{"on_failure of job verify", "resource old", "resource type older", "resource type oldest"}},
			result: `
resource_types: [{name: perpetual, type: registry-image, source: {tag: 2}}, {name: older, type: oldest, source: {}}, {name: oldest, type: registry-image, source: {}}]
resources: [{name: components, type: perpetual, source: {a: 1}}, {name: old, type: older, source: {}}]
jobs:
- {name: upgrade, plan: [{get: components, trigger: true}]}
- {name: verify, plan: [{get: components}], on_failure: {put: old}}`},
		"a type that was ours once, for the image of a foreign task": {running: `
resource_types: [{name: older, type: registry-image, source: {}}]
jobs: [{name: mine, plan: [{task: t, config: {image_resource: {type: older}}}]}]`,
			want: config.Foreign{Kept: []string{"job mine", "resource type older"}},
			result: `
resource_types: [{name: perpetual, type: registry-image, source: {tag: 2}}, {name: older, type: registry-image, source: {}}]
resources: [{name: components, type: perpetual, source: {a: 1}}]
jobs:
- {name: upgrade, plan: [{get: components, trigger: true}]}
- {name: verify, plan: [{get: components}]}
- {name: mine, plan: [{task: t, config: {image_resource: {type: older}}}]}`},
		"display of both": {
			text:    "display: {background_image: https://x/ours.png}\njobs: []",
			running: "display: {background_image: https://x/theirs.png}\njobs: []"},
		"steps in our own jobs are named": {running: `
jobs: [{name: verify, plan: [{get: components}, {do: [{task: smoke, config: {run: {path: x}}}]}, {put: old}, {try: {put: room, params: {text: {task: none}}}}]}]`,
			want: config.Foreign{Lost: []string{"put room of job verify", "task smoke of job verify"}}},
		"groups": {running: `
groups: [{name: all, jobs: [upgrade, "li*", gone]}, {name: mine, jobs: [lint]}]
jobs: [{name: lint, plan: [{get: components}]}]`,
			want: config.Foreign{Kept: []string{"group all", "group mine", "job lint", "job verify in group all"}},
			result: `
groups: [{name: all, jobs: [upgrade, "li*", verify]}, {name: mine, jobs: [lint]}]
resource_types: [{name: perpetual, type: registry-image, source: {tag: 2}}]
resources: [{name: components, type: perpetual, source: {a: 1}}]
jobs:
- {name: upgrade, plan: [{get: components, trigger: true}]}
- {name: verify, plan: [{get: components}]}
- {name: lint, plan: [{get: components}]}`},
		"groups of the text, and a foreign job": {
			text:    "groups: [{name: a, jobs: [x]}, {name: b, jobs: [y]}]\njobs: [{name: x, plan: []}, {name: y, plan: []}]",
			running: "groups: [{name: b, jobs: [y, lint]}]\njobs: [{name: lint, plan: []}]\ndisplay: {background_image: https://x/y.png}",
			want:    config.Foreign{Kept: []string{"display", "job lint", "job lint in group b"}},
			result:  "groups: [{name: a, jobs: [x]}, {name: b, jobs: [y, lint]}]\njobs: [{name: x, plan: []}, {name: y, plan: []}, {name: lint, plan: []}]\ndisplay: {background_image: https://x/y.png}"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.text == "" {
				c.text = bundled
			}
			got, foreign, err := config.KeepForeign([]byte(c.running), []byte(c.text), ours)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, foreign); diff != "" {
				t.Errorf("foreign (-want +got):\n%s", diff)
			}
			if c.result == "" {
				if string(got) != c.text {
					t.Errorf("the text has changed:\n%s", got)
				}
				return
			}
			var want, have any
			if err := yaml.Unmarshal([]byte(c.result), &want); err != nil {
				t.Fatal(err)
			}
			if err := yaml.Unmarshal(got, &have); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, have); diff != "" {
				t.Errorf("pipeline (-want +got):\n%s", diff)
			}
			again, next, err := config.KeepForeign(got, []byte(c.text), ours)
			if err != nil || string(again) != string(got) || slices.Contains(next.Kept, "job upgrade") {
				t.Errorf("once more: %v, %+v\n%s", err, next, cmp.Diff(string(got), string(again)))
			}
		})
	}
}

func TestKeepForeign_saysWhichPipelineIsBroken(t *testing.T) {
	for _, c := range [][2]string{{"a: [", "b: 1"}, {"a: 1", "b: ["}} {
		if _, _, err := config.KeepForeign([]byte(c[0]), []byte(c[1]), nil); err == nil {
			t.Errorf("%q was taken", c)
		}
	}
}

// Nothing that somebody has set by hand makes it panic.
func FuzzKeepForeign(f *testing.F) {
	f.Add(bundled, bundled)
	f.Add("groups: [{name: 1, jobs: x}]\njobs: [1, {name: a, plan: {do: x}}]\nresources: x", "groups: [x]\njobs: [{name: a, plan: 1}]")
	f.Fuzz(func(_ *testing.T, running, text string) {
		_, _, _ = config.KeepForeign([]byte(running), []byte(text), ours)
	})
}
