package config_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/concourse/concourse/atc"
	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/perpetual-ci/perpetual/pkg/concourse/config"
)

func parse(t *testing.T, text string) config.Config {
	t.Helper()
	c, err := config.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// in puts a step into a pipeline.
func in(step string) string { return "jobs: [{name: j, plan: [" + step + "]}]" }

// task puts the config of a task into a pipeline, where hooks hold it.
func task(config string) string {
	return in("{try: {do: [{get: a, on_failure: {in_parallel: [{put: b, ensure: {task: t, attempts: 3, config: {" + config + "}}}]}}]}}")
}

func TestSame_seesWhatTheLibraryDoesNotKnow(t *testing.T) {
	cases := map[string][2]string{
		"a job":               {"jobs: [{name: j, plan: []}]", "jobs: [{name: j, plan: [], novelty: 1}]"},
		"a resource":          {"resources: [{name: r, type: t}]", "resources: [{name: r, type: t, novelty: 1}]"},
		"a group":             {"groups: [{name: g}]", "groups: [{name: g, novelty: 1}]"},
		"a struct in a job":   {"jobs: [{name: j, plan: [], build_log_retention: {days: 1}}]", "jobs: [{name: j, plan: [], build_log_retention: {days: 1, novelty: 1}}]"},
		"a step":              {in("{get: a}"), in("{get: a, novelty: 1}")},
		"a step with a hook":  {in("{get: a, timeout: 1h}"), in("{get: a, timeout: 1h, novelty: {b: [1]}}")},
		"steps in parallel":   {in("{in_parallel: {limit: 1, steps: [{get: a}]}}"), in("{in_parallel: {limit: 1, novelty: 2, steps: [{get: a}]}}")},
		"a task's config":     {task("platform: p, run: {path: r}"), task("platform: p, novelty: 1, run: {path: r}")},
		"a task's cache":      {task("caches: [{path: p}]"), task("caches: [{path: p, ttl: 1m}]")},
		"a task's limits":     {task("container_limits: {cpu: 1}"), task("container_limits: {cpu: 1, gpu: 1}")},
		"a task's image":      {task("image_resource: {type: t}"), task("image_resource: {type: t, novelty: 1}")},
		"the top":             {"jobs: []", "jobs: []\nuser_data: [0, false]"},
		"another value":       {task("caches: [{path: p, ttl: 1m}]"), task("caches: [{path: p, ttl: 2m}]")},
		"an entry of a value": {"user_data: {a: {b: 1, c: 1}}", "user_data: {a: {b: 1, c: 2}}"},
		"an order of a value": {"user_data: [1, 2]", "user_data: [2, 1]"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if a, b := parse(t, c[0]), parse(t, c[1]); a.Same(b) || len(config.Diff(a, b)) == 0 {
				t.Error("they are the same")
			}
		})
	}
}

func TestSame_doesNotMindSpelling(t *testing.T) {
	cases := map[string][2]string{
		"zero values of known keys":   {"jobs: [{name: j, plan: []}]", "jobs: [{name: j, plan: [], serial: false, serial_groups: [], public: no}]"},
		"zero values of unknown keys": {"jobs: [{name: j, plan: []}]", "jobs: [{name: j, plan: [], novelty: false, a: 0, b: '', c: {d: {}}, e: []}]"},
		"of a step":                   {in("{get: a}"), in("{get: a, novelty: false}")},
		"a short form":                {in("{in_parallel: [{task: t, novelty: 1}]}"), in("{in_parallel: {steps: [{task: t, novelty: 1}]}}")},
		"durations of unknown keys":   {task("caches: [{path: p, ttl: 90s}]"), task("caches: [{path: p, ttl: 1m30s}]")},
		"durations of known keys":     {"resources: [{name: r, check_every: 60s}]", "resources: [{name: r, check_every: 1m}]"},
		"sizes":                       {task("container_limits: {memory: 1KB, gpu: 1}"), task("container_limits: {memory: 1024, gpu: 1.0}")},
		"upper case":                  {"jobs: [{name: j, plan: [], serial: true}]", "jobs: [{Name: j, plan: [], Serial: true}]"},
		"order":                       {"jobs: [{name: b, plan: [], n: 1}, {name: a, plan: []}]", "jobs: [{name: a, plan: []}, {name: b, plan: [], n: 1}]"},
		"numbers for text":            {"resources: [{name: 1, type: t, novelty: 1}]", "resources: [{name: '1', type: t, novelty: 1}]"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a, b := parse(t, c[0]), parse(t, c[1])
			if !a.Same(b) {
				t.Errorf("they differ: %v", config.Diff(a, b))
			}
		})
	}
}

func TestKeys_areThoseThatAreDroppedInSilence(t *testing.T) {
	c := parse(t, `
definitions: 1
user_data: 1
resources: [{name: r, strict: 1}]
jobs: [{name: j, strict: 1, plan: [{get: a, strict: 1, params: {any: 1}}, {task: t, config: {typo: 1, params: {ANY: 1}, caches: [{ttl: 1}, {ttl: 0}], run: {path: p, typo: 1}}}, {in_parallel: {steps: [], typo: 1}}]}]
`)
	want := []string{"Config.definitions", "Config.user_data", "InParallelConfig.typo", "TaskCacheConfig.ttl", "TaskConfig.typo", "TaskRunConfig.typo"}
	if diff := cmp.Diff(want, c.Keys()); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	rest, err := c.Without("Config.definitions", "TaskConfig.typo", "TaskCacheConfig.ttl")
	if err != nil {
		t.Fatal(err)
	}
	same := parse(t, "user_data: 1\nresources: [{name: r, strict: 1}]\n"+
		"jobs: [{name: j, strict: 1, plan: [{get: a, strict: 1, params: {any: 1}}, {task: t, config: {params: {ANY: 1}, caches: [{}, {}], run: {path: p, typo: 1}}}, {in_parallel: {steps: [], typo: 1}}]}]")
	if !rest.Same(same) {
		t.Errorf("they differ: %v", config.Diff(rest, same))
	}
}

func TestDropped_goesByReleaseAndByWhatConcourseGivesBack(t *testing.T) {
	want := parse(t, "definitions: 1\nuser_data: 1\n"+task("caches: [{path: p, ttl: 1m}], typo: 1"))
	none := parse(t, in("{get: a}"))
	cases := []struct {
		name, release    string
		have             config.Config
		dropped, guessed string
	}{
		{"before all", "7.14.0", none, "user_data, ttl, typo", ""},
		{"with all", "8.2.0", none, "typo", ""},
		{"the newest known", "8.3.7", none, "typo", ""},
		{"newer", "8.4.0", none, "", "typo"},
		{"it has them", "7.14.0", want, "", ""},
		{"no version", "unknown", none, "", "typo"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dropped, guessed := want.Dropped(c.have, c.release)
			if config.Names(dropped) != c.dropped || config.Names(guessed) != c.guessed {
				t.Errorf("dropped %s, guessed %s", config.Names(dropped), config.Names(guessed))
			}
			if want.Doubtful(c.have) == want.Same(c.have) {
				t.Errorf("doubtful: %v", want.Doubtful(c.have))
			}
		})
	}
}

func TestRead_refusesWhatIsNoConfig(t *testing.T) {
	for _, text := range []string{"", "null", "[]", `"x"`, "1", `{"jobs":`} {
		if _, err := config.Read([]byte(text)); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestRead_keepsWhatNobodyHereCanRead(t *testing.T) {
	const future = `{"jobs":[{"name":"a","plan":[{"teleport":"b","weight":12345678901234567890}]}]}`
	a, err := config.Read([]byte(future))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := a.YAML(); err != nil || !strings.Contains(string(text), "teleport: b\n    weight: 12345678901234567890") {
		t.Errorf("%v\n%s", err, text)
	}
	b, err := config.Read([]byte(strings.Replace(future, "teleport", "beam", 1)))
	if err != nil || a.Same(b) || !a.Exists() {
		t.Errorf("another kind of step is the same, %v", err)
	}
}

// FuzzParse holds for any text that a config differs neither from itself as it
// was read, nor from what Concourse makes of it.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "null", "jobs: []", in("{get: a, novelty: {b: [c]}}"), task("caches: [{path: p, ttl: 1m}]"), "user_data: {a: 1e3, b: 0x10, c: 2026-01-02}",
		"jobs: [{name: j, Plan: [{GET: a}]}]", in("{in_parallel: [{across: [{var: v, values: [1]}], task: t, file: f, limits: {}}]}"),
		in("{get: a, version: every, Version: {a: b}}"), "a: &a {b: 1}\nresources: [{name: r, source: *a, tags: ['', x], check_every: never}]",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := config.Parse([]byte(text))
		if err != nil {
			return
		}
		if !c.Same(c) || !c.Exists() || len(config.Diff(c, c)) != 0 {
			t.Error("it differs from itself")
		}
		bare, err := c.Without(c.Keys()...)
		if err != nil {
			t.Fatal(err)
		}
		read := stored(t, []byte(text))
		if read != nil && !read.Same(bare) {
			t.Errorf("it differs from what Concourse makes of it: %v", config.Diff(*read, bare))
		}
		if read == nil {
			return
		}
		again, err := read.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := config.Parse(again); err != nil || !back.Same(*read) {
			t.Errorf("what Concourse gives differs after it was read, %v:\n%s", err, again)
		}
	})
}

// stored is a config as a Concourse of the library's version gives it back; nil:
// it refuses it.
func stored(t *testing.T, text []byte) *config.Config {
	t.Helper()
	var c atc.Config
	if atc.UnmarshalConfig(text, &c) != nil {
		return nil
	}
	encoded, err := json.Marshal(c)
	if err != nil {
		return nil
	}
	var again atc.Config
	if err := json.Unmarshal(encoded, &again); err != nil {
		return nil
	}
	if encoded, err = json.Marshal(again); err != nil {
		return nil
	}
	if strings.Contains(string(encoded), `\ufffd`) || yaml.Unmarshal(encoded, new(any)) != nil {
		return nil // text that is no text
	}
	read, err := config.Read(encoded)
	if err != nil {
		t.Fatal(err)
	}
	return &read
}
