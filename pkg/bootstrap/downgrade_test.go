package bootstrap_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// versions is the set of the tests with other versions.
func versions(concourse, bpm, stemcell string) []component.Component {
	list := slices.Clone(set)
	list[0].Version, list[1].Version, list[2].Version = bpm, concourse, stemcell
	return list
}

// texts are a set's versions in order of their names.
func texts(list []component.Component) string {
	var out []string
	for _, c := range list {
		out = append(out, c.Version)
	}
	return strings.Join(out, " ")
}

// record reads installation.json, and writes it again when change is given.
func (c *cloud) record(t *testing.T, change func(map[string]any)) (desired string) {
	t.Helper()
	store := c.stores["ci"]
	found, err := store.Get(t.Context(), "run/record.json")
	if err != nil {
		t.Fatal(err)
	}
	record := map[string]any{}
	if err := json.Unmarshal(found.Body, &record); err != nil {
		t.Fatal(err)
	}
	var kept struct{ Desired []component.Component }
	if err := json.Unmarshal(found.Body, &kept); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(record)
		body, err := json.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Put(t.Context(), "run/record.json", body, found.Revision); err != nil {
			t.Fatal(err)
		}
	}
	return texts(kept.Desired)
}

// attempt deploys with options, on a world that offers a set, and gives what was said.
func (c *cloud) attempt(t *testing.T, o bootstrap.Options, offered []component.Component) (at *step.Error, said string) {
	t.Helper()
	i, shown := c.install(t, given())
	i.Components = func(context.Context, resource.Source, resource.Version) ([]component.Component, error) {
		return offered, nil
	}
	_, err := i.Deploy(t.Context(), o)
	if !errors.As(err, &at) {
		t.Fatalf("Deploy ends with %v, want a *step.Error", err)
	}
	return at, strings.Join(shown.lines, "\n")
}

func TestDeploy_goesBackWithNothingUnlessItIsAllowed(t *testing.T) {
	lower := versions("8.2.1", "1.4.9", "1.83")
	mixed := versions("8.2.5", "1.4.9", "1.1400")
	cases := []struct {
		name    string
		options bootstrap.Options
		offered []component.Component
		step    string   // at which it ends; that of the director's that does not answer is deploy
		says    []string // in the error, or in what is shown
		desired string
	}{
		{"the newest are lower", bootstrap.Options{Upgrade: true}, lower, "deploy", []string{
			"warning: concourse: staying with 8.2.4, as the newest that counts now is the older 8.2.1 (--allow-downgrade would go back)",
			"warning: bpm: staying with 1.4.33", "warning: stemcell: staying with 1.1340"}, "1.4.33 8.2.4 1.1340"},
		{"one of the newest is lower", bootstrap.Options{Upgrade: true}, mixed, "deploy", []string{"warning: bpm: staying with 1.4.33"}, "1.4.33 8.2.5 1.1400"},
		{"the newest are lower, allowed", bootstrap.Options{Upgrade: true, AllowDowngrade: true}, lower, "deploy", []string{
			"warning: concourse: going back from 8.2.4 to 8.2.1, as --allow-downgrade says"}, "1.4.9 8.2.1 1.83"},
		{"a lower set of a get", bootstrap.Options{Components: lower}, nil, "components", []string{
			"bpm: 1.4.9 is older than the 1.4.33 that is deployed; concourse: 8.2.1 is older than the 8.2.4 that is deployed; " +
				"stemcell: 1.83 is older than the 1.1340 that is deployed; nothing was deployed: older versions are taken with --allow-downgrade"}, "1.4.33 8.2.4 1.1340"},
		{"a lower set of a get, allowed", bootstrap.Options{Components: lower, AllowDowngrade: true}, nil, "deploy", []string{"going back from 8.2.4 to 8.2.1"}, "1.4.9 8.2.1 1.83"},
		{"across a migration", bootstrap.Options{Upgrade: true}, versions("7.14.3", "1.4.33", "1.1340"), "components", []string{
			"concourse: Concourse 7.14.3 is older than the 8.2.4 that is deployed, and is never deployed over it", "migrated down", "nothing was deployed"}, "1.4.33 8.2.4 1.1340"},
		{"across a migration, allowed", bootstrap.Options{Upgrade: true, AllowDowngrade: true}, versions("7.14.3", "1.4.33", "1.1340"), "components", []string{
			"Concourse 7.14.3 is older than the 8.2.4"}, "1.4.33 8.2.4 1.1340"},
		{"a get across a migration, allowed", bootstrap.Options{Components: versions("7.14.3", "1.4.33", "1.1340"), AllowDowngrade: true}, nil, "components", []string{
			"Concourse 7.14.3 is older than the 8.2.4"}, "1.4.33 8.2.4 1.1340"},
		{"a get in the pipeline", bootstrap.Options{Self: true, Components: versions("7.14.3", "1.4.33", "1.1340")}, nil, "components", []string{
			"Concourse 7.14.3 is older than the 8.2.4"}, "1.4.33 8.2.4 1.1340"},
		{"higher", bootstrap.Options{Upgrade: true}, versions("8.3.0", "1.4.38", "1.1400"), "deploy", nil, "1.4.38 8.3.0 1.1400"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			c := installed(t)
			at, said := c.attempt(t, test.options, test.offered)
			if at.Step != test.step {
				t.Errorf("it ends at %s: %v", at.Step, at)
			}
			for _, part := range test.says {
				if !strings.Contains(at.Error()+"\n"+said, part) {
					t.Errorf("nothing says %q: %v\n%s", part, at, said)
				}
			}
			if got := c.record(t, nil); got != test.desired {
				t.Errorf("desired is %s, want %s", got, test.desired)
			}
			if list := c.written(); len(list) > 0 {
				t.Errorf("it made %v", list)
			}
		})
	}
}

func TestPlan_refusesWhatDeployRefuses(t *testing.T) {
	c := installed(t)
	i, _ := c.install(t, given())
	_, err := i.Plan(t.Context(), bootstrap.Options{Components: versions("7.14.3", "1.4.33", "1.1340"), AllowDowngrade: true})
	if err == nil || !strings.Contains(err.Error(), "components: concourse: Concourse 7.14.3 is older than the 8.2.4 that is deployed") {
		t.Errorf("plan ends with %v", err)
	}
	_, err = i.Plan(t.Context(), bootstrap.Options{Components: versions("8.2.1", "1.4.33", "1.1340")})
	if err == nil || !strings.Contains(err.Error(), "--allow-downgrade") {
		t.Errorf("plan ends with %v", err)
	}
	if _, err = i.Plan(t.Context(), bootstrap.Options{Components: versions("8.2.1", "1.4.33", "1.1340"), AllowDowngrade: true}); !errors.Is(err, errNoDirector) {
		t.Errorf("the allowed plan ends with %v, want the director that does not answer", err)
	}
}

// A set that was chosen, and that the director was never asked for, runs nowhere.
func TestDeploy_goesBackFromWhatWasNeverSubmitted(t *testing.T) {
	c := installed(t)
	c.record(t, func(record map[string]any) {
		record["desired"] = versions("8.3.0", "1.4.38", "1.1400")
		record["submitted"] = versions("8.2.4", "1.4.33", "1.1340")
	})
	if at, said := c.attempt(t, bootstrap.Options{Upgrade: true}, versions("8.2.5", "1.4.33", "1.1340")); at.Step != "deploy" || strings.Contains(said, "warning") {
		t.Errorf("it ends with %v\n%s", at, said)
	}
	if at, _ := c.attempt(t, bootstrap.Options{Components: versions("8.2.1", "1.4.33", "1.1340")}, nil); at.Step != "components" {
		t.Errorf("lower than what was submitted: it ends with %v", at)
	}
	c.record(t, func(record map[string]any) { delete(record, "deployment") })
	if at, _ := c.attempt(t, bootstrap.Options{Components: versions("7.14.3", "1.4.33", "1.1340")}, nil); at.Step != "deploy" {
		t.Errorf("where nothing was deployed: it ends with %v", at)
	}
}

// Version implements bootstrap.Director.
func (deaf) Version(context.Context) (string, error) { return "", errNoDirector }

// answering is a director that says which version it is, and nothing else.
type answering struct {
	deaf
	version string
}

// Version implements bootstrap.Director.
func (a answering) Version(context.Context) (string, error) { return a.version, nil }

func TestDeploy_makesNoDirectorOfOlderParts(t *testing.T) {
	older := map[string]any{"director_bosh_version": "280.1.22", "director_cpi_version": "106.0.0",
		"director_stemcell_url": "https://example.com/light-bosh-stemcell-1.83-aws-xen-hvm-ubuntu-noble.tgz"}
	cases := []struct {
		name   string
		vars   map[string]any           // of the run that comes later
		record func(rec map[string]any) // what an older release of this program has left
		answer string                   // the director's version; "": it does not answer
		allow  bool
		step   string
		says   []string
		alone  bool // the plan would make the director, and does not ask it
	}{
		{name: "the same", step: "deploy"},
		{name: "newer", vars: map[string]any{"director_bosh_version": "299.0.0"}, step: "deploy"},
		{name: "older", vars: older, step: "components", says: []string{
			"perpetual 1.2.3 would make the director of older parts than it has: bosh 283.1.6 → 280.1.22, bosh-aws-cpi 107.3.2 → 106.0.0, stemcell aws-xen-hvm-ubuntu-noble 1.484 → 1.83",
			"the perpetual that deployed last (1.2.3)", "--allow-downgrade"}},
		{name: "older, allowed", vars: older, allow: true, step: "deploy", says: []string{"warning: the director goes back, as --allow-downgrade says: bosh 283.1.6 → 280.1.22"}},
		{name: "another line of stemcells", vars: map[string]any{"director_stemcell_url": "https://example.com/bosh-stemcell-1.2-aws-xen-hvm-ubuntu-oracular.tgz"}, step: "deploy"},
		{name: "an older state, a director that answers", record: func(rec map[string]any) { delete(rec, "director_versions") }, answer: "299.1.0", step: "components",
			says: []string{"bosh 299.1.0 → 283.1.6"}},
		{name: "an older state, a director that answers and is older", record: func(rec map[string]any) { delete(rec, "director_versions") }, answer: "280.1.22", step: "deploy"},
		{name: "an older state, a director that does not answer", record: func(rec map[string]any) { delete(rec, "director_versions") }, step: "deploy",
			says: []string{"components: which version the director has is not known, and not compared: the director does not answer"}},
		{name: "an older state without a director", record: func(rec map[string]any) { delete(rec, "director_versions"); delete(rec, "director") }, answer: "299.1.0", step: "deploy", alone: true},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			c := installed(t)
			if test.record != nil {
				c.record(t, test.record)
			}
			cfg := given()
			cfg.Manifest.Vars = test.vars
			i, shown := c.install(t, cfg)
			if test.answer != "" {
				i.Director = func(resource.Director) (bootstrap.Director, func(), error) {
					return answering{version: test.answer}, func() {}, nil
				}
			}
			o := bootstrap.Options{AllowDowngrade: test.allow}
			_, planErr := i.Plan(t.Context(), o)
			_, err := i.Deploy(t.Context(), o)
			for verb, err := range map[string]error{"plan": planErr, "deploy": err} {
				var at *step.Error
				if verb == "plan" && test.alone {
					if err != nil {
						t.Errorf("plan ends with %v", err)
					}
				} else if !errors.As(err, &at) || at.Step != test.step {
					t.Errorf("%s ends with %v, want it at %s", verb, err, test.step)
				}
			}
			for _, part := range test.says {
				if !strings.Contains(err.Error()+"\n"+strings.Join(shown.lines, "\n"), part) {
					t.Errorf("nothing says %q: %v\n%s", part, err, strings.Join(shown.lines, "\n"))
				}
			}
			if list := c.written(); test.step == "components" && len(list) > 0 {
				t.Errorf("it made %v", list)
			}
		})
	}
}
