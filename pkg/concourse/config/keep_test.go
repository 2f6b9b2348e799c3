package config_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/concourse/config"
)

// template is a pipeline that is rendered.
const template = `# of version 2
resources:
- {name: code, type: git, source: {branch: main}}
jobs:
- name: test
  plan:
  - {get: code, trigger: true}
  - in_parallel:
    - {task: unit, config: {platform: linux, run: {path: make}, caches: [{path: a}, {path: b}]}}
  - {task: unit, file: code/unit.yml}
- {name: ship, plan: [{try: {put: code}}]}
`

func TestKeep_addsWhatSomebodySetByHand(t *testing.T) {
	const running = `
user_data: {owner: ada}
resources:
- {name: other, type: git, novelty: 0}
- {name: code, type: git, icon: github, source: {branch: old, token: x}, novelty: 12345678901234567890}
jobs:
- {name: ship, plan: [{try: {put: code, novelty: 3}}], serial: true, disable_reruns: true}
- name: gone
  novelty: 4
  plan: []
- name: test
  plan:
  - {get: code, novelty: 5}
  - {put: code, novelty: 6}
  - in_parallel: {steps: [{task: unit, config: {novelty: 7, platform: linux, run: {path: old}, caches: [{path: b, ttl: 1h}]}}], novelty: 8}
  - {task: unit, file: code/unit.yml, novelty: 9}
`
	got, err := config.Keep([]byte(running), []byte(template))
	if err != nil {
		t.Fatal(err)
	}
	want := `
user_data: {owner: ada}
resources:
- {name: code, type: git, source: {branch: main}, novelty: 12345678901234567890}
jobs:
- name: test
  plan:
  - {get: code, trigger: true, novelty: 5}
  - in_parallel:
    - {task: unit, config: {platform: linux, novelty: 7, run: {path: make}, caches: [{path: a}, {path: b, ttl: 1h}]}}
  - {task: unit, file: code/unit.yml, novelty: 9}
- {name: ship, disable_reruns: true, plan: [{try: {put: code, novelty: 3}}]}
`
	if a, b := parse(t, want), parse(t, string(got)); !a.Same(b) {
		t.Errorf("they differ: %v", config.Diff(a, b))
	}
	if !strings.Contains(string(got), "novelty: 12345678901234567890") {
		t.Errorf("a number has changed:\n%s", got)
	}
	again, err := config.Keep([]byte(running), got)
	if err != nil || string(again) != string(got) {
		t.Errorf("it changes again, %v:\n%s", err, again)
	}
}

func TestKeep_leavesTheTextAsItIsWithoutSuchKeys(t *testing.T) {
	for name, running := range map[string]string{
		"the same": template, "others": "jobs: [{name: test, serial: true, plan: [{task: unit, config: {inputs: []}}]}]", "nothing": "", "no pipeline": "[1]",
		"keys that it has": strings.Replace(template, "name: test", "name: test\n  Plan: []", 1),
	} {
		if got, err := config.Keep([]byte(running), []byte(template)); err != nil || string(got) != template {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
	}
	for _, texts := range [][2]string{{"a: [", template}, {template, "a: ["}} {
		if _, err := config.Keep([]byte(texts[0]), []byte(texts[1])); err == nil || !strings.Contains(err.Error(), "parse the") {
			t.Errorf("error %v", err)
		}
	}
}
