package selection_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/selection"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// wanted is what is looked for by a perpetual.yml.
func wanted(t *testing.T, text string) selection.Wanted {
	t.Helper()
	c, err := config.Parse("perpetual.yml", []byte("name: ci\naws: {region: eu-central-1}\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	return selection.Wanted{Config: config.Defaults(c), Program: "1.4.2"}
}

// Without a word of the user the first install takes what the pipeline will watch: this
// program's major, a day old and signed.
func TestSource_isWhatThePipelineWatches(t *testing.T) {
	watch := wanted(t, "").Source().Watch
	if names := slices.Sorted(maps.Keys(watch)); !slices.Equal(names, []string{"bpm", "concourse", "perpetual", "stemcell"}) {
		t.Fatalf("it watches %q", names)
	}
	p := watch["perpetual"]
	if p.GitHub != "perpetual-ci/perpetual" || p.Version != "1.x" || p.MinAge != (resource.Duration{Duration: 24 * time.Hour}) || p.AllowUnsigned || len(p.Keys) > 0 {
		t.Errorf("of Perpetual it takes %+v", p)
	}
	if c := watch["concourse"]; c.Release != concourseRelease || c.Version == "" {
		t.Errorf("of Concourse it takes %+v", c)
	}
	if s := watch["stemcell"]; s.Stemcell != jammy || s.Version != "1.x" {
		t.Errorf("of stemcells it takes %+v", s)
	}
	w := wanted(t, "")
	w.Postgres = true
	if p := w.Source().Watch["postgres"]; p.Release != "github.com/cloudfoundry/postgres-release" || p.Version != "54.x" {
		t.Errorf("for a database VM it takes %+v", p)
	}
}

func TestSource_takesWhatTheUserSays(t *testing.T) {
	w := wanted(t, `
versions: {concourse: 8.1.x, bpm: 1.3.x, postgres: 55.x, stemcell: 1.9.x, perpetual: 1.4.x, perpetual_repository: example/perpetual, perpetual_min_age: 72h}
cloud: {stemcell: bosh-noble}
pipeline: {github_token: s3cret}
github: {url: https://ghe.example.com/api/v3}
bosh_io: {url: https://bosh.example.com}
`)
	w.Postgres = true
	w.Config.GitHub.CACert, w.Config.BoshIO.CACert = "CA OF GITHUB", "CA OF BOSH"
	source := w.Source()
	for name, want := range map[string]string{"concourse": "8.1.x", "bpm": "1.3.x", "postgres": "55.x", "stemcell": "1.9.x", "perpetual": "1.4.x"} {
		if got := source.Watch[name].Version; got != want {
			t.Errorf("of %s it takes %s, want %s", name, got, want)
		}
	}
	if p := source.Watch["perpetual"]; p.GitHub != "example/perpetual" || p.MinAge.Duration != 72*time.Hour {
		t.Errorf("of Perpetual it takes %+v", p)
	}
	if got := source.Watch["stemcell"].Stemcell; got != "bosh-noble" {
		t.Errorf("the stemcell is %s", got)
	}
	if g := source.GitHub; g.Token.Reveal() != "s3cret" || g.URL != "https://ghe.example.com/api/v3" || g.CACert != "CA OF GITHUB" {
		t.Errorf("GitHub is reached at %s", g.URL)
	}
	if b := source.BoshIO; b.URL != "https://bosh.example.com" || b.CACert != "CA OF BOSH" {
		t.Errorf("bosh.io is reached at %s", b.URL)
	}
}

// A release that nobody has signed is taken where the user says so, in the file or by a flag.
func TestSource_takesUnsignedReleasesOnlyWhereItIsSaid(t *testing.T) {
	for text, flag := range map[string][2]bool{ // without the flag, with it
		"": {false, true}, "versions: {perpetual_unsigned: false}": {false, true}, "versions: {perpetual_unsigned: true}": {true, true},
	} {
		for i, allowed := range []bool{false, true} {
			w := wanted(t, text)
			w.AllowUnsigned = allowed
			if got := w.Source().Watch["perpetual"].AllowUnsigned; got != flag[i] {
				t.Errorf("%q, with the flag %t: %t", text, allowed, got)
			}
		}
	}
	// A pinned image decides which version is taken.
	pinned := wanted(t, "versions: {perpetual: 1.x}\npipeline: {image: \"registry.example.com/perpetual:1.3.7@sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a\"}")
	if got := pinned.Source().Watch["perpetual"].Version; got != "1.3.7" {
		t.Errorf("with a pinned image it takes %s", got)
	}
}
