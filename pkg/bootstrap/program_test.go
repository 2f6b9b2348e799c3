package bootstrap_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// watched is how a deploy asks for Perpetual's releases.
func watched(t *testing.T, cfg *config.Config, o bootstrap.Options) resource.Watch {
	t.Helper()
	i, _ := newCloud().install(t, cfg)
	i.Program = "2.4.1"
	var asked resource.Watch
	i.Components = func(_ context.Context, source resource.Source, _ resource.Version) ([]component.Component, error) {
		asked = source.Watch["perpetual"]
		return nil, errors.New("nothing is there")
	}
	if _, err := i.Deploy(t.Context(), o); err == nil {
		t.Fatal("it was deployed")
	}
	return asked
}

func TestDeploy_takesSignedReleasesOfItsMajorThatAreADayOld(t *testing.T) {
	got := watched(t, given(), bootstrap.Options{})
	if got.GitHub != resource.ProgramRepository || got.Version != "2.x" || got.MinAge.Duration != 24*time.Hour || len(got.Keys) > 0 || got.AllowUnsigned {
		t.Errorf("it asks for %+v", got)
	}
	if got := watched(t, given(), bootstrap.Options{AllowUnsigned: true}); !got.AllowUnsigned {
		t.Errorf("where unsigned ones are allowed it asks for %+v", got)
	}
	cfg := given()
	cfg.Versions = config.Versions{PerpetualRepository: "acme/fork", PerpetualKeys: []string{"MCowBQYDK2VwAyEABX+xoXbIEpC93BuHFwg+Jb/rIaBAu7s2oykmlZ35zNw="}, PerpetualMinAge: "72h"}
	if got := watched(t, cfg, bootstrap.Options{}); got.GitHub != "acme/fork" || len(got.Keys) != 1 || got.MinAge.Duration != 72*time.Hour {
		t.Errorf("of a fork it asks for %+v", got)
	}
}

func TestDeploy_refusesAnotherImageThanThePinnedOne(t *testing.T) {
	signed, other := "sha256:"+strings.Repeat("0a", 32), "sha256:"+strings.Repeat("0b", 32)
	for name, c := range map[string]struct {
		image string
		says  []string // nothing: it goes on
	}{
		"the signed one":  {"registry.example.com/perpetual:1.3.0@" + signed, nil},
		"another digest":  {"registry.example.com/perpetual:1.3.0@" + other, []string{other, signed, "nothing was changed"}},
		"another version": {"registry.example.com/perpetual:1.4.0@" + signed, []string{"1.4.0", "1.3.0", "--upgrade"}},
	} {
		t.Run(name, func(t *testing.T) {
			cloud, cfg := newCloud(), given()
			cfg.Pipeline.Image = c.image
			i, _ := cloud.install(t, cfg)
			i.Components = func(context.Context, resource.Source, resource.Version) ([]component.Component, error) {
				return append(slices.Clone(set), component.Component{
					Name: "perpetual", Kind: component.KindGitHub, Version: "1.3.0", Images: map[string]string{"resource": signed, "installer": signed},
				}), nil
			}
			_, err := i.Deploy(t.Context(), bootstrap.Options{})
			var at *step.Error
			if !errors.As(err, &at) || (at.Step == "components") != (c.says != nil) {
				t.Fatalf("it ends with %v", err)
			}
			for _, part := range c.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error = %q, want %q in it", err, part)
				}
			}
			if list := cloud.written(); c.says != nil && (slices.Contains(list, "stack") || slices.Contains(list, "vm")) {
				t.Errorf("it made %v", list)
			}
		})
	}
}
