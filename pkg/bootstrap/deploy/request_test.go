package deploy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/upgrade/plan"
)

func TestRequest_upgradesInTheWayOfTheConfiguration(t *testing.T) {
	for text, want := range map[string]plan.Request{
		"": {Way: "auto", QuietTimeout: 30 * time.Minute},
		"upgrade: {way: quiet, quiet_timeout: 1h, on_quiet_timeout: go, colocate: false}": {Way: "quiet", QuietTimeout: time.Hour, GoOn: true, NoGate: true},
	} {
		c, err := config.Parse("perpetual.yml", []byte("name: ci\naws: {region: eu-central-1}\n"+text))
		if err != nil {
			t.Fatal(err)
		}
		got := Deploy{Input: manifest.Input{Config: config.Defaults(c)}}.request(plan.Input{})
		if got.Way != want.Way || got.QuietTimeout != want.QuietTimeout || got.GoOn != want.GoOn || got.NoGate != want.NoGate {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	}
}

func TestRequest_triesAsOftenAsTheRunIsTold(t *testing.T) {
	for _, n := range []int{0, 5} {
		d := Deploy{Input: manifest.Input{Config: config.Defaults(&config.Config{})}, Attempts: n}
		if got := d.request(plan.Input{}).Attempts; got != n {
			t.Errorf("%d attempts, want %d", got, n)
		}
	}
}

// What an ops file pins is not taken from the set; what the set of this installation does
// not have cannot be ignored, and does no harm.
func TestRequest_ignoresOfTheSetWhatTheConfigurationSays(t *testing.T) {
	c, err := config.Parse("perpetual.yml", []byte("name: ci\nupgrade: {ignore_set: [postgres, stemcell]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	d := Deploy{Input: manifest.Input{Config: config.Defaults(c)}, Set: []component.Component{{Name: "concourse"}, {Name: "stemcell"}}}
	if got := d.request(plan.Input{}).IgnoreSet; !slices.Equal(got, []string{"stemcell"}) {
		t.Errorf("ignored are %v, want the stemcell", got)
	}
	const want = "upgrade.ignore_set"
	if err := config.Apply(&config.Config{}, "--upgrade-ignore-set", want, "stemcel"); err == nil || !strings.Contains(err.Error(), "want concourse, stemcell, bpm or postgres") {
		t.Errorf("a misspelt one: %v", err)
	}
}

// The words of perpetual.yml are those of the resource.
func TestConfig_knowsTheResourcesWays(t *testing.T) {
	for key, words := range map[string][]string{"upgrade.way": resource.Ways, "upgrade.on_quiet_timeout": {resource.QuietGo, resource.QuietGiveUp}} {
		for _, word := range words {
			if err := config.Apply(&config.Config{}, "test", key, word); err != nil {
				t.Errorf("%s: %v", key, err)
			}
		}
	}
}
