package concourse_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pipelines"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
)

// novel is a pipeline with keys of 8.x, which the library does not know.
const novel = `
definitions: {tick: &tick {interval: 1m}}
user_data: {owner: ada, since: 90m}
resources: [{name: components, type: time, source: *tick}]
jobs:
- name: upgrade
  disable_reruns: true
  plan:
  - get: components
  - in_parallel:
    - task: build
      config: {platform: linux, run: {path: make}, caches: [{path: cache, ttl: 60m}]}
`

// novelInOtherWords is the same, by another author.
const novelInOtherWords = `
jobs:
- {name: upgrade, disable_reruns: yes, plan: [{get: components}, {in_parallel: {steps: [{task: build, config: {caches: [{ttl: 1h, path: cache}], run: {path: make}, platform: linux, inputs: []}}]}}]}
resources: [{name: components, type: time, source: {interval: 1m}, public: false}]
user_data: {since: 1h30m0s, owner: ada, empty: {}, none: null}
`

// changed are ways in which novel differs by nothing but keys of 8.x.
var changed = map[string][2]string{
	"a key of a job":   {"disable_reruns: true", "disable_reruns: false"},
	"a key of a cache": {"ttl: 60m", "ttl: 61m"},
	"a key at the top": {"owner: ada", "owner: grace"},
	"one that is gone": {"  disable_reruns: true\n", ""},
}

func TestSetPipeline_comparesKeysOfNewerReleases(t *testing.T) {
	for name, edit := range changed {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil) // 8.2.5
			if c := w.set(t, selfUpgrade, novel); !c.Created {
				t.Fatalf("first: %+v", c)
			}
			for name, text := range map[string]string{"the same": novel, "in other words": novelInOtherWords, "as it was read": string(w.config(t, selfUpgrade).YAML)} {
				if c := w.set(t, selfUpgrade, text); c.Created || c.Updated {
					t.Errorf("%s: %s", name, shown(c.Diff))
				}
			}
			edited := strings.Replace(novel, edit[0], edit[1], 1)
			if c := w.set(t, selfUpgrade, edited); !c.Updated || len(c.Diff) == 0 {
				t.Errorf("edited: %+v", c)
			}
			if c := w.set(t, selfUpgrade, edited); c.Updated {
				t.Errorf("edited again: %s", shown(c.Diff))
			}
			if puts := w.requests("PUT"); len(puts) != 2 {
				t.Errorf("PUTs: %v", puts)
			}
			if w.said() != "" {
				t.Errorf("notes %q", w.said())
			}
		})
	}
}

func TestPipelineConfig_hasKeysOfNewerReleases(t *testing.T) {
	w := newWorld(t, nil)
	w.set(t, selfUpgrade, novel)
	text := string(w.config(t, selfUpgrade).YAML)
	for _, want := range []string{"disable_reruns: true", "ttl: 60m", "user_data:\n  owner: ada\n  since: 90m"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// An older Concourse drops what it does not know inside of steps and at the top,
// and refuses the rest. Neither may have the pipeline set at every run.
func TestSetPipeline_isNotRepeatedForKeysThatConcourseDrops(t *testing.T) {
	const typo = "inputs: [{name: components, optionnal: true}]"
	cases := []struct {
		name, release, text string
		notes               string // empty: none
	}{
		{"two keys of 8.2", "7.14.0", strings.Replace(novel, "  disable_reruns: true\n", "", 1), "pipeline self-upgrade: Concourse 7.14.0 drops what it does not know: user_data, ttl"},
		{"one is too new", "8.1.2", strings.Replace(novel, "ttl: 60m", "", 1), "Concourse 8.1.2 drops what it does not know: user_data"},
		{"a typing error", "8.3.0", strings.Replace(novel, "platform: linux,", "platform: linux, "+typo+",", 1), "Concourse 8.3.0 drops what it does not know: optionnal"},
		{"anchors alone", "7.14.0", firstInOtherWords, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.atc.SetVersion(c.release, "2.5")
			if change := w.set(t, selfUpgrade, c.text); !change.Created {
				t.Fatalf("first: %+v", change)
			}
			if change := w.set(t, selfUpgrade, c.text); change.Updated {
				t.Errorf("again: %s", shown(change.Diff))
			}
			if c.notes == "" && w.said() != "" || !strings.Contains(w.said(), c.notes) {
				t.Errorf("notes %q, want %q", w.said(), c.notes)
			}
		})
	}
}

// After an upgrade to a release that knows the key it is set, once.
func TestSetPipeline_setsADroppedKeyWhenConcourseKnowsIt(t *testing.T) {
	w := newWorld(t, nil)
	w.atc.SetVersion("8.1.2", "2.5")
	w.set(t, selfUpgrade, novel)
	w.atc.SetVersion("8.2.0", "2.5")
	for _, want := range []bool{true, false} {
		if c := w.set(t, selfUpgrade, novel); c.Updated != want {
			t.Errorf("change %+v, want %v", c, want)
		}
	}
}

func TestSetPipeline_saysWhatOnlyANewerConcourseMayKnow(t *testing.T) {
	w := newWorld(t, nil)
	text := strings.Replace(novel, "platform: linux,", "platform: linux, novelty: 1,", 1)
	for _, release := range []string{"8.4.0", "9.0.0", "0.0.0-dev", "built by hand"} {
		w.atc.SetVersion(release, "2.5")
		if _, err := w.client.DiffPipeline(t.Context(), selfUpgrade, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if want := "Concourse " + release + " may drop what it does not know: novelty; then"; !strings.Contains(w.said(), want) {
			t.Errorf("notes %q, want %q", w.said(), want)
		}
	}
}

func TestSetPipeline_replacesWhatOnlyANewerConcourseCanRead(t *testing.T) {
	const future = `{"config":{"jobs":[{"name":"a","plan":[{"teleport":"b","to":["mars"]}]}]}}`
	var puts int
	w := newWorld(t, only(configPath, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodPut {
			puts++
			_, _ = w.Write([]byte(`{}`))
			return
		}
		w.Header().Set("X-Concourse-Config-Version", "3")
		_, _ = w.Write([]byte(future))
	}))
	w.foreign(t, first) // for its pause state
	if text := string(w.config(t, selfUpgrade).YAML); !strings.Contains(text, "teleport: b") {
		t.Errorf("config\n%s", text)
	}
	if c := w.set(t, selfUpgrade, second); !c.Updated || puts != 1 || !strings.Contains(shown(c.Diff), "-  - teleport: b") {
		t.Errorf("%d PUTs, diff\n%s", puts, shown(c.Diff))
	}
}

func TestDiff_hidesWhatUsersPutIntoUserData(t *testing.T) {
	w := newWorld(t, nil)
	change, err := w.client.DiffPipeline(t.Context(), concourse.Pipeline{Name: "p"}, []byte(strings.Replace(novel, "owner: ada", "owner: canary", 1)))
	if got := shown(change.Diff); err != nil || strings.Contains(got, "canary") || !strings.Contains(got, "user_data\n") {
		t.Errorf("%v, diff\n%s", err, got)
	}
}

func TestKeep_letsAUsersKeySurviveWhatIsRendered(t *testing.T) {
	w := newWorld(t, nil)
	w.set(t, selfUpgrade, strings.Replace(first, "name: upgrade,", "name: upgrade, disable_reruns: true,", 1))
	text, _, err := concourse.Keep(w.config(t, selfUpgrade).YAML, []byte(first), pipelines.Names())
	if err != nil {
		t.Fatal(err)
	}
	if c := w.set(t, selfUpgrade, string(text)); c.Updated {
		t.Errorf("diff\n%s", shown(c.Diff))
	}
	if c := w.set(t, selfUpgrade, first); !c.Updated {
		t.Error("without it nothing changes, so the test shows nothing")
	}
}
