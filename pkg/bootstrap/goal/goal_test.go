package goal

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/run"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/postgres"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

const (
	onAWS     = "aws: {region: eu-central-1}\n"
	elsewhere = "director: {url: https://bosh.example.com:25555, client: ci, client_secret: s3cret}\naccess: {domain: ci.example.com}\nstate: {dir: /srv/ci}\n"
)

// silent shows nothing.
type silent struct{ warnings []string }

func (*silent) Begin(string)             {}
func (*silent) Note(string, string)      {}
func (*silent) End(string, step.Outcome) {}
func (s *silent) Warn(line string)       { s.warnings = append(s.warnings, line) }

func parsed(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse("perpetual.yml", []byte("name: ci\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// of is the goal of a run with a perpetual.yml, beside one that is stored; "" for none.
func of(t *testing.T, given, stored string, o run.Options) *Goal {
	t.Helper()
	r := run.New(run.Installation{
		Name: "ci", Given: parsed(t, given), Program: "1.2.3", Progress: &silent{}, Mask: func(...secret.Value) {},
		SpotCeiling: func(string, string) string { return "" },
	}, o)
	if stored != "" {
		r.Stored = config.Pinned(parsed(t, stored))
		r.Said.Config = r.Stored
	}
	if err := r.Merge(); err != nil {
		t.Fatal(err)
	}
	return &Goal{Run: r}
}

func TestCompareSettings_saysWhatDiffersFromWhatIsStored(t *testing.T) {
	for name, c := range map[string]struct {
		given, stored string
		raise         postgres.Change
		changes       bool
		names, lines  []string
	}{
		"at the first run":    {given: onAWS, changes: true, names: []string{"new"}},
		"nothing":             {given: onAWS, stored: onAWS},
		"a key":               {given: onAWS + "workers: {count: 2}", stored: onAWS, changes: true, names: []string{"workers.count"}, lines: []string{"~ workers.count: not set → 2"}},
		"a major upgrade too": {given: onAWS, stored: onAWS, raise: postgres.Change{From: 16, To: 17}, changes: true, lines: []string{"! " + postgres.Change{From: 16, To: 17}.String()}},
	} {
		t.Run(name, func(t *testing.T) {
			g := of(t, c.given, c.stored, run.Options{})
			g.Raise = c.raise
			got, names, err := g.compareSettings()
			if err != nil || got.Changes != c.changes || !slices.Equal(names, c.names) || !slices.Equal(got.Lines, c.lines) {
				t.Errorf("it gives %+v, %q, %v", got, names, err)
			}
		})
	}
}

// The pipeline would take up a version that is stored, if the run ended before the database
// has it.
func TestKeptConfig_holdsTheVersionOfADatabaseThatDoesNotHaveIt(t *testing.T) {
	const sixteen, seventeen = onAWS + "database: {kind: vm, version: 16}", onAWS + "database: {kind: vm, version: 17}"
	for name, c := range map[string]struct {
		stored string
		hold   bool
		want   int
	}{
		"at the first run": {stored: "", hold: true, want: 17},
		"before it has it": {stored: sixteen, hold: true, want: 16},
		"once it has it":   {stored: sixteen, want: 17},
	} {
		g := of(t, seventeen, c.stored, run.Options{})
		g.holdVersion = c.hold
		if got := g.keptConfig().Database.Version; got != c.want || g.Wanted.Database.Version != 17 {
			t.Errorf("%s: it stores %d, and wants %d", name, got, g.Wanted.Database.Version)
		}
	}
}

func TestNoQuiet_isForThePipelineThatMayNotPauseOthers(t *testing.T) {
	const never = "pipeline: {quiet_upgrades: false}"
	for name, c := range map[string]struct {
		text string
		self bool
		want bool
	}{
		"by hand":                   {text: onAWS + never},
		"a self-upgrade":            {text: onAWS, self: true},
		"a self-upgrade without it": {text: onAWS + never, self: true, want: true},
		"on a director that exists": {text: elsewhere + never, self: true},
	} {
		g := of(t, c.text, "", run.Options{Self: c.self})
		if why := g.NoQuiet(); (why != "") != c.want {
			t.Errorf("%s: %q", name, why)
		}
	}
}

func set(version string) record.Members {
	return record.Members{{Name: "concourse", Version: version}}
}

func TestMayRun_isTheLastSetThatTheDirectorWasAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		findings record.Findings
		want     string
	}{
		"nothing was deployed":       {findings: record.Findings{Desired: set("8.2.5")}},
		"a deploy that failed":       {findings: record.Findings{Deployment: true, Submitted: set("8.2.5"), Desired: set("8.2.6"), Applied: set("8.2.4")}, want: "8.2.5"},
		"a state of an old release":  {findings: record.Findings{Deployment: true, Desired: set("8.2.6"), Applied: set("8.2.4")}, want: "8.2.6"},
		"one that was only verified": {findings: record.Findings{Deployment: true, Applied: set("8.2.4")}, want: "8.2.4"},
	} {
		g := of(t, onAWS, "", run.Options{})
		g.Record.Findings = c.findings
		got := ""
		if list := g.mayRun(); len(list) > 0 {
			got = list[0].Version
		}
		if got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestCompareComponents_takesTheNewestOrTheGivenSet(t *testing.T) {
	unfound := errors.New("no release in range")
	for name, c := range map[string]struct {
		options run.Options
		found   error
		want    string
	}{
		"the newest at the first run": {want: "8.2.6"},
		"what a get has fetched":      {options: run.Options{Components: set("8.2.5")}, want: "8.2.5"},
		"and nothing besides":         {found: unfound},
	} {
		t.Run(name, func(t *testing.T) {
			g := of(t, elsewhere, "", c.options)
			g.Components = func(context.Context, resource.Source, resource.Version) ([]component.Component, error) {
				return set("8.2.6"), c.found
			}
			got, err := g.CompareComponents(t.Context())
			if !errors.Is(err, c.found) {
				t.Fatalf("it ends with %v", err)
			}
			if err != nil {
				return
			}
			if !got.Changes || !got.Done || len(g.Set) != 1 || g.Set[0].Version != c.want || g.Record.Desired[0].Version != c.want {
				t.Errorf("it gives %+v, and has chosen %+v", got, g.Set)
			}
		})
	}
}

func TestTakeBack_isForWhatWasStoredAndNothingMade(t *testing.T) {
	for name, c := range map[string]struct {
		stored string
		made   bool
		self   bool
		want   bool
	}{
		"settings that were stored": {stored: onAWS, want: true},
		"at the first run":          {},
		"after something was made":  {stored: onAWS, made: true},
		"in a self-upgrade":         {stored: onAWS, self: true},
	} {
		g := of(t, onAWS, c.stored, run.Options{Self: c.self})
		g.Made = c.made
		if got := g.mayTakeBack(t.Context()); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if of(t, onAWS, onAWS, run.Options{}).mayTakeBack(ended) {
		t.Error("and a run that was told to end")
	}
}

func TestCheckDirector_goesBackWithNothingUnlessTold(t *testing.T) {
	for name, c := range map[string]struct {
		have    map[string]string
		allowed bool
		refused bool
		warned  bool
	}{
		"the same or lower ones": {have: map[string]string{"bosh": "1.0.0"}},
		"higher ones":            {have: map[string]string{"bosh": "99999.0.0"}, refused: true},
		"higher ones, allowed":   {have: map[string]string{"bosh": "99999.0.0"}, allowed: true, warned: true},
	} {
		t.Run(name, func(t *testing.T) {
			g := of(t, onAWS, "", run.Options{AllowDowngrade: c.allowed})
			g.Outputs = manifest.Infrastructure{
				CIDR: "10.0.0.0/16", DirectorIP: "10.0.0.6", DirectorAddress: "203.0.113.9",
				Zones: []manifest.Zone{{Name: "eu-central-1a", PublicSubnet: "subnet-1", PublicCIDR: "10.0.0.0/24", PrivateSubnet: "subnet-2", PrivateCIDR: "10.0.1.0/24"}},
			}
			g.Record.Director, g.Record.Infrastructure, g.Record.DirectorVersions = true, &g.Outputs, c.have
			err := g.checkDirector(t.Context())
			if (err != nil) != c.refused || c.refused && !strings.Contains(err.Error(), "nothing was deployed") {
				t.Errorf("it ends with %v", err)
			}
			if warned := len(g.Progress.(*silent).warnings) > 0; warned != c.warned {
				t.Errorf("it warns: %t", warned)
			}
		})
	}
}

func TestCheckDirector_isForADirectorOfOurs(t *testing.T) {
	for name, text := range map[string]string{"there is none yet": onAWS, "it is somebody else's": elsewhere} {
		g := of(t, text, "", run.Options{})
		g.Record.DirectorVersions = map[string]string{"bosh": "99999.0.0"}
		if err := g.checkDirector(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
