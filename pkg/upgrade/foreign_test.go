package upgrade_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// addedByHand is what people have added to the bundled pipeline with fly.
func addedByHand(t *testing.T, f *fixture) {
	t.Helper()
	text := replaceOnce(t, f.atc.pipeline("self-upgrade"), "resources:\n", "resources:\n- {name: room, type: slack, source: {url: ((slack_url))}}\n")
	text = replaceOnce(t, text, "resource_types:\n", "resource_types:\n- {name: slack, type: registry-image, source: {repository: slack}}\n")
	text = replaceOnce(t, text, "- get: finished-deployment\n", "- {put: room}\n  - get: finished-deployment\n")
	text = replaceOnce(t, text, "jobs:\n", "jobs:\n- {name: lint, plan: [{get: components}]}\n")
	text = replaceOnce(t, text, "- interruptible: true\n", "- on_failure: {put: room}\n  interruptible: true\n")
	f.atc.pipelines["self-upgrade"] = []byte(text)
}

func TestOut_keepsWhatPeopleHaveAddedToTheBundledPipeline(t *testing.T) {
	const keeps = "pipeline self-upgrade keeps what the bundled one does not have: job lint, on_failure of job verify, resource room, resource type slack\n"
	const loses = "pipeline self-upgrade loses steps that the bundled one does not have: put room of job verify; add them with params.pipeline.ops_files\n"
	play(t, func(t *testing.T, f *fixture) {
		addedByHand(t, f)
		if _, err := f.out(t.Context(), func(p *resource.OutParams) { p.DryRun = true }); err != nil {
			t.Fatal(err)
		}
		wantText(t, "dry run", f.log.String(), keeps, loses)
		if _, err := f.out(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		set := f.atc.pipeline("self-upgrade")
		wantText(t, "pipeline", set, "tag: 1.3.0", "name: lint", "name: room", "url: ((slack_url))", "name: slack", "on_failure:")
		if n := strings.Count(set, "put: room"); n != 1 {
			t.Errorf("put: room is there %d times, want that of on_failure alone", n)
		}
		if n := strings.Count(f.log.String(), keeps); n != 2 {
			t.Errorf("what is kept was said %d times in two runs:\n%s", n, f.log.String())
		}
	})
}

// A file of one's own is the whole pipeline, as with fly.
func TestOut_replacesAPipelineByAFileOfOnesOwn(t *testing.T) {
	play(t, func(t *testing.T, f *fixture) {
		addedByHand(t, f)
		f.write(t, "own.yml", "jobs: [{name: mine, plan: []}]\n")
		if _, err := f.out(t.Context(), func(p *resource.OutParams) { p.Pipeline = &resource.PipelineParams{File: "own.yml"} }); err != nil {
			t.Fatal(err)
		}
		if set := f.atc.pipeline("self-upgrade"); strings.Contains(set, "lint") || !strings.Contains(set, "mine") {
			t.Errorf("pipeline = %s", set)
		}
		if strings.Contains(f.log.String(), "keeps what") {
			t.Errorf("log = %s", f.log.String())
		}
	})
}
