package upgrade_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// latest makes the fixture a Concourse 8.2.5 whose manifest asks for the latest one that
// the director has.
func (f *fixture) latest(t *testing.T, releases ...string) {
	t.Helper()
	f.busy(t)
	f.atc.builds = f.atc.builds[:1]
	f.write(t, "manifest.yml", strings.Replace(string(manifestTemplate(t)), "((concourse_version))", "latest", 1))
	f.director.releases = f.director.releases[1:]
	for _, version := range releases {
		f.director.releases = append(f.director.releases, bosh.Release{Name: "concourse", Version: version})
	}
}

func TestOut_takesTheLatestConcourseForWhatTheDirectorTakesItFor(t *testing.T) {
	noSet := func(p *resource.OutParams) {
		p.Components, p.Vars = "", map[string]any{"stemcell_name": stemcellName, "stemcell_version": "1.1340"}
		p.Pipeline = &resource.PipelineParams{Skip: true}
	}
	t.Run("which is deployed", func(t *testing.T) {
		play(t, func(t *testing.T, f *fixture) {
			f.latest(t, "8.2.5", "8.2.1")
			f.atc.noAdmin = true // a quiet upgrade would be refused
			result, err := f.out(t.Context(), noSet)
			if err != nil || metadata(result)["deploy"] != "nothing to deploy" {
				t.Errorf("%v, %v", result, err)
			}
		})
	})
	t.Run("which is another", func(t *testing.T) {
		play(t, func(t *testing.T, f *fixture) {
			f.latest(t, "8.2.5", "8.3.0")
			result, err := f.out(t.Context(), noSet)
			if err != nil {
				t.Fatal(err)
			}
			wantText(t, "metadata", metadata(result)["way"], "quiet: worker version 2.5 → 3.0 is another major")
		})
	})
	t.Run("which the set brings", func(t *testing.T) {
		play(t, func(t *testing.T, f *fixture) {
			f.latest(t, "8.2.5")
			result, err := f.out(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			wantText(t, "metadata", metadata(result)["way"], "quiet: worker version 2.5 → 3.0 is another major")
		})
	})
	t.Run("which is lower", func(t *testing.T) {
		play(t, func(t *testing.T, f *fixture) {
			f.latest(t, "8.2.1")
			_, err := f.out(t.Context(), noSet)
			wantError(t, err, "refuse to deploy Concourse", "8.2.1", "8.2.5")
		})
	})
}
