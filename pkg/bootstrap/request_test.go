package bootstrap

import (
	"reflect"
	"testing"
	"time"

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
