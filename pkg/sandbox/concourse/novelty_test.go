package concourse_test

import (
	"strings"
	"testing"

	sigs "sigs.k8s.io/yaml"
)

// novel is a pipeline with what 8.x has brought.
const novel = `
user_data: {owner: [ada, {room: 7}]}
resources: [{name: zebra, type: time, source: {}}]
jobs:
- {name: plain, plan: [{get: zebra}]}
- name: upgrade
  disable_reruns: true
  plan:
  - in_parallel:
    - {task: a, config: {platform: linux, run: {path: a}, caches: [{path: one}, {path: two, ttl: 1m}]}}
    - {do: [{task: b, config: {platform: linux, run: {path: b}, caches: [{path: four, ttl: 2h}]}}]}
  ensure: {task: c, config: {platform: linux, run: {path: c}, caches: [{path: three, ttl: 3h}]}}
`

func TestConfig_keepsWhatItsReleaseKnows(t *testing.T) {
	cases := []struct {
		version string
		status  int
		keeps   string // in order of their lines
	}{
		{"7.14.0", 400, `unknown field "disable_reruns"`},
		{"8.0.1", 400, `unknown field "disable_reruns"`},
		{"8.1.0", 200, "disable_reruns: true"},
		{"8.2.5", 200, "disable_reruns: true|ttl: 3h|ttl: 1m|ttl: 2h|user_data:|room: 7"},
		{"8.3.0", 200, "disable_reruns: true|ttl: 3h|ttl: 1m|ttl: 2h|user_data:|room: 7"},
	}
	for _, c := range cases {
		t.Run(c.version, func(t *testing.T) {
			s := newWorld(t)
			s.SetVersion(c.version, "2.5")
			res := s.ask("PUT", mainPipeline+"/config", s.login("admin"), novel, "Content-Type", "application/x-yaml", "X-Concourse-Config-Version", "1")
			if res.status != c.status {
				t.Fatalf("%d %s", res.status, res.body)
			}
			if c.status == 400 {
				if !strings.Contains(res.body, strings.ReplaceAll(c.keeps, `"`, `\"`)) {
					t.Errorf("it says %s", res.body)
				}
				return
			}
			var answer struct{ Config any }
			s.ask("GET", mainPipeline+"/config", s.login("admin"), "").json(t, &answer)
			text, err := sigs.Marshal(answer.Config)
			if err != nil {
				t.Fatal(err)
			}
			var kept []string
			for line := range strings.Lines(string(text)) {
				line = strings.TrimLeft(strings.TrimSpace(line), "- ")
				for _, key := range []string{"disable_reruns", "ttl", "user_data", "room"} {
					if strings.HasPrefix(line, key) {
						kept = append(kept, line)
					}
				}
			}
			if got := strings.Join(kept, "|"); got != c.keeps {
				t.Errorf("it keeps %s of\n%s", got, text)
			}
			if set, _ := s.PipelineConfig("main", "p"); string(set) != string(text) {
				t.Errorf("PipelineConfig gives\n%s", set)
			}
		})
	}
}

// What is unknown inside of a step, or at the top, is dropped without a word.
func TestConfig_dropsUnknownKeysOfStepsInSilence(t *testing.T) {
	s := newWorld(t)
	text := strings.Replace(novel, "disable_reruns: true", "serial: true", 1)
	res := s.ask("PUT", mainPipeline+"/config", s.login("admin"), text, "Content-Type", "application/x-yaml", "X-Concourse-Config-Version", "1")
	if set, _ := s.PipelineConfig("main", "p"); res.status != 200 || strings.Contains(string(set), "ttl") || strings.Contains(string(set), "user_data") {
		t.Errorf("%d %s: %s", res.status, res.body, set)
	}
	s.SetVersion("8.2.5", "2.5") // it is not in the database
	if set, _ := s.PipelineConfig("main", "p"); strings.Contains(string(set), "ttl") {
		t.Errorf("it comes back: %s", set)
	}
}

func TestConfig_refusesWhat8xRefuses(t *testing.T) {
	s := newWorld(t)
	s.SetVersion("8.2.5", "2.5")
	for text, want := range map[string]string{
		strings.Replace(novel, "disable_reruns: true", "disable_reruns: often", 1): "malformed config",
		strings.Replace(novel, "disable_reruns: true", "novelty: 1", 1):            "unknown field",
		strings.Replace(novel, "- {do:", "- {novelty: 1, do:", 1):                  "unknown fields",
	} {
		if _, err := s.SetPipeline("main", "p", nil, []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}
