package bootstrap

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

func TestOutRequest_upgradesInTheWayOfTheConfiguration(t *testing.T) {
	params := func(text string) resource.UpgradeParams {
		t.Helper()
		c, err := config.Parse("perpetual.yml", []byte("name: ci\naws: {region: eu-central-1}\n"+text))
		if err != nil {
			t.Fatal(err)
		}
		r := &run{Installation: &Installation{}, config: config.Defaults(c)}
		return r.outRequest().Params.Upgrade
	}
	yes, no := true, false
	for text, want := range map[string]resource.UpgradeParams{
		"": {Way: "auto", QuietTimeout: resource.Duration{Duration: 30 * time.Minute}, OnQuietTimeout: resource.QuietGiveUp, Colocate: &yes},
		"upgrade: {way: quiet, quiet_timeout: 1h, on_quiet_timeout: go, colocate: false}": {
			Way: "quiet", QuietTimeout: resource.Duration{Duration: time.Hour}, OnQuietTimeout: resource.QuietGo, Colocate: &no},
	} {
		if got := params(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	}
}

func TestOutRequest_triesAsOftenAsTheRunIsTold(t *testing.T) {
	for _, n := range []int{0, 5} {
		r := &run{Installation: &Installation{}, config: config.Defaults(&config.Config{}), options: Options{Attempts: n}}
		if got := r.outRequest().Params.Attempts; got != n {
			t.Errorf("%d attempts, want %d", got, n)
		}
	}
}

// What an ops file pins is not taken from the set; what the set of this installation does
// not have cannot be ignored, and does no harm.
func TestOutRequest_ignoresOfTheSetWhatTheConfigurationSays(t *testing.T) {
	c, err := config.Parse("perpetual.yml", []byte("name: ci\nupgrade: {ignore_set: [postgres, stemcell]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	r := &run{Installation: &Installation{}, config: config.Defaults(c), set: []component.Component{{Name: "concourse"}, {Name: "stemcell"}}}
	if got := r.outRequest().Params.IgnoreSet; !slices.Equal(got, []string{"stemcell"}) {
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
