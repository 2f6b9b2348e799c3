package bootstrap_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

func TestDeploy_refusesAStemcellWithoutAnImageInTheRegion(t *testing.T) {
	c := newCloud()
	i, _ := c.install(t, given())
	i.Images = func(context.Context, resource.Source, component.Component) (map[string]string, error) {
		return map[string]string{"us-east-1": "ami-1", "eu-west-1": "ami-2"}, nil
	}
	_, err := i.Deploy(t.Context(), bootstrap.Options{})
	if err == nil || !strings.Contains(err.Error(), "no image in region eu-central-1") || !strings.Contains(err.Error(), "eu-west-1, us-east-1") {
		t.Errorf("it ends with %v", err)
	}
	for _, effect := range c.written() {
		if effect == "vm" {
			t.Error("a VM was made")
		}
	}
}

// A mirror that only the state still names is where the stemcell is looked into, too.
func TestDeploy_looksIntoTheStemcellOfTheStoredMirror(t *testing.T) {
	c := newCloud()
	cfg := given()
	cfg.BoshIO.URL = "https://mirror.example.com"
	first, _ := c.install(t, cfg)
	if _, err := first.Deploy(t.Context(), bootstrap.Options{}); err == nil {
		t.Fatal("the director answers")
	}
	later, _ := c.install(t, given())
	later.Components = func(_ context.Context, _ resource.Source, exactly resource.Version) ([]component.Component, error) {
		newer := slices.Clone(set)
		newer[2].Version = "1.1400"
		return exact(newer, exactly), nil
	}
	var asked []string
	later.Images = func(_ context.Context, from resource.Source, stemcell component.Component) (map[string]string, error) {
		asked = append(asked, stemcell.Version+" of "+from.BoshIO.URL)
		return nil, nil
	}
	if _, err := later.Deploy(t.Context(), bootstrap.Options{Upgrade: true}); err == nil {
		t.Fatal("the director answers")
	}
	if want := []string{"1.1400 of https://mirror.example.com"}; !slices.Equal(asked, want) {
		t.Errorf("asked for %v, want %v", asked, want)
	}
}
