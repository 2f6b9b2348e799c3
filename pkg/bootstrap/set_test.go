package bootstrap_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// empty is a director without the deployment, which has every release.
type empty struct{ deaf }

func (empty) Deployment(context.Context, string) (bosh.Deployment, error) {
	return bosh.Deployment{}, bosh.ErrNotFound
}

func (empty) Stemcells(context.Context) ([]bosh.Stemcell, error) {
	return []bosh.Stemcell{{Name: "bosh-aws-xen-hvm-ubuntu-jammy-go_agent", Version: "1.1300", OS: "ubuntu-jammy"}}, nil
}

func (empty) CloudConfig(context.Context) (bosh.ConfigVersion, error) {
	return bosh.ConfigVersion{}, errNoDirector
}

// An ops file of the user's that pins a version is refused, as nothing would be upgraded
// any more, by hand and in a self-upgrade; the hint is one that works in perpetual.yml.
func TestDeploy_refusesAPinnedVersionUnlessTheConfigurationSaysSo(t *testing.T) {
	c, cfg := newCloud(), given()
	cfg.Manifest.OpsFiles = []string{"pin.yml"}
	deploy := func(o bootstrap.Options) (string, error) {
		i, shown := c.install(t, cfg)
		i.Files = files(map[string]string{"pin.yml": "- {type: replace, path: /stemcells/0/version, value: \"1.1300\"}\n"})
		i.Director = func(resource.Director) (bootstrap.Director, func(), error) { return empty{}, func() {}, nil }
		running := []byte("jobs: []\n")
		i.ATC = func(resource.Concourse) (bootstrap.ATC, error) { return pipelineOf{text: &running}, nil }
		_, err := i.Deploy(t.Context(), o)
		return strings.Join(shown.lines, "\n"), err
	}
	newer := slices.Clone(set)
	newer[2].Version = "1.1364"
	// In this order: the pipeline has the files of the last deploy by hand.
	for _, by := range []struct {
		name    string
		options bootstrap.Options
	}{{"by hand", bootstrap.Options{}}, {"itself", bootstrap.Options{Self: true, Components: newer}}} {
		_, err := deploy(by.options)
		for _, want := range []string{"stemcell: the set has 1.13", "the manifest 1.1300", "set upgrade.ignore_set: [stemcell] if that is intended"} {
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "params.") {
				t.Errorf("%s: it ends with %v, want %q", by.name, err, want)
			}
		}
	}
	cfg.Upgrade.IgnoreSet = []string{"stemcell", "postgres"} // there is no release postgres beside a service
	said, err := deploy(bootstrap.Options{})
	if err == nil || strings.Contains(err.Error(), "refuse") || !strings.Contains(said, "component set: stemcell: the set has 1.1364, the manifest 1.1300, as upgrade.ignore_set says") {
		t.Errorf("it ends with %v:\n%s", err, said)
	}
}
