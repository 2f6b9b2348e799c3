package generation_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/generation"
	"github.com/perpetual-ci/perpetual/pkg/credential"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// generator is one of an installation at some time, with what it warns of and what it masks.
type generator struct {
	generation.Generator
	warned []string
	masked []secret.Value
}

func newGenerator(now time.Time) *generator {
	g := &generator{Generator: generation.Generator{Name: "ci", Pipeline: true, Now: now}}
	g.Warn = func(line string) { g.warned = append(g.warned, line) }
	g.Mask = func(values ...secret.Value) { g.masked = append(g.masked, values...) }
	return g
}

var password = credential.Variable{Name: "atc_password", Type: "password"}

// The key by which the pipeline reads the state is the operator's to generate, and stays.
func TestComplete_generatesWhatIsMissingOnce(t *testing.T) {
	g := newGenerator(time.Now())
	have := secret.Values{}
	all, added, err := g.Complete(t.Context(), []credential.Variable{password}, have)
	if err != nil || !slices.Equal(added, []string{"atc_password", manifest.StateKey}) {
		t.Fatalf("generated were %q, %v", added, err)
	}
	if len(have) != 0 {
		t.Errorf("what was there was changed: it has %d credentials", len(have))
	}
	if !slices.ContainsFunc(g.masked, func(v secret.Value) bool { return v.Reveal() == all.RevealText("atc_password", "") }) {
		t.Error("the password is not hidden")
	}
	again, added, err := g.Complete(t.Context(), []credential.Variable{password}, all)
	if err != nil || len(added) != 0 || again.RevealText(manifest.StateKey, "") != all.RevealText(manifest.StateKey, "") {
		t.Errorf("the second time %q were generated, %v", added, err)
	}

	for name, set := range map[string]func(*generator){
		"a self-upgrade":                     func(g *generator) { g.Self = true },
		"an installation without a pipeline": func(g *generator) { g.Pipeline = false },
	} {
		g := newGenerator(time.Now())
		set(g)
		if _, added, err := g.Complete(t.Context(), []credential.Variable{password}, nil); err != nil || !slices.Equal(added, []string{"atc_password"}) {
			t.Errorf("%s generated %q, %v", name, added, err)
		}
	}
}

// A certificate that cannot be renewed is said while there is time, and then refused.
func TestComplete_saysWhatASelfUpgradeCannotRenew(t *testing.T) {
	variables := []credential.Variable{
		{Name: "director_ca", Type: "certificate", Options: map[string]any{"is_ca": true, "common_name": "ca"}},
		{Name: "director_ssl", Type: "certificate", Options: map[string]any{"ca": "director_ca", "common_name": "director", "alternative_names": []any{"10.0.0.6"}}},
	}
	g := newGenerator(time.Now())
	all, _, err := g.Complete(t.Context(), variables, nil)
	if err != nil {
		t.Fatal(err)
	}
	ca, ok := all["director_ca"].(map[string]any)
	if !ok {
		t.Fatal("there is no director_ca")
	}
	ca["private_key"] = ""
	var end time.Time
	for _, e := range credential.Expiries(all, g.Now) {
		if e.Name == "director_ssl" {
			end = e.NotAfter
		}
	}

	for name, c := range map[string]struct {
		before        time.Duration
		self          bool
		warns, refuse bool
	}{
		"long before":                {before: 40 * 24 * time.Hour, self: true},
		"three weeks before":         {before: 21 * 24 * time.Hour, self: true, warns: true},
		"three days before":          {before: 3 * 24 * time.Hour, self: true, warns: true, refuse: true},
		"three days before, by hand": {before: 3 * 24 * time.Hour, warns: true},
	} {
		g := newGenerator(end.Add(-c.before))
		g.Self = c.self
		if err := g.CheckWithheld(all); (err != nil) != c.refuse || c.refuse && !strings.Contains(err.Error(), "director_ssl ("+end.Format(time.DateOnly)+")") {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := g.Complete(t.Context(), variables, all); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if warns := strings.Contains(strings.Join(g.warned, "\n"), "director_ssl"); warns != c.warns {
			t.Errorf("%s: it warns of %q", name, g.warned)
		}
	}
}
