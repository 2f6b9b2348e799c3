package upgrade_test

import (
	"slices"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// The pipeline that stays unpaused is the build's own, whatever pipeline the put sets:
// its next build is the one that unpauses the others.
func TestOut_leavesTheBuildsOwnPipelineUnpaused(t *testing.T) {
	for name, pipeline := range map[string]*resource.PipelineParams{
		"where it sets none":    {Skip: true},
		"where it sets another": {Name: "another", InstanceVars: map[string]any{"env": "test"}},
		"where it sets itself":  nil,
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.busy(t)
				f.build.InstanceVars = `{"env":"production"}`
				f.atc.states[0].InstanceVars = map[string]any{"env": "production"}
				f.atc.states = append(f.atc.states, concourse.PipelineState{
					Pipeline: concourse.Pipeline{Name: "self-upgrade", InstanceVars: map[string]any{"env": "test"}}, ID: 5, Team: "main",
				})
				if _, err := f.out(t.Context(), func(p *resource.OutParams) { p.Pipeline = pipeline }); err != nil {
					t.Fatal(err)
				}
				if f.atc.states[0].Paused || !f.atc.states[4].Paused {
					t.Errorf("paused are %q, want the other instance, and not the build's own", f.atc.paused())
				}
				if want := append(slices.Clone(silent), "main/self-upgrade"); !slices.Equal(f.atc.paused(), want) {
					t.Errorf("paused are %q, want %q", f.atc.paused(), want)
				}
			})
		})
	}
}
