package bootstrap_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// keeper is a director that has deployed a database VM, and takes no deploy.
type keeper struct {
	deaf
	manifest string // "": nothing is deployed
	percent  int    // of the database's disk; -1: its agent says nothing
	gone     bool
}

// Deployment implements upgrade.Director.
func (k *keeper) Deployment(context.Context, string) (bosh.Deployment, error) {
	switch {
	case k.gone:
		return bosh.Deployment{}, errNoDirector
	case k.manifest == "":
		return bosh.Deployment{}, bosh.ErrNotFound
	}
	return bosh.Deployment{Manifest: []byte(k.manifest)}, nil
}

// CloudConfig implements upgrade.Director.
func (*keeper) CloudConfig(context.Context) (bosh.ConfigVersion, error) {
	return bosh.ConfigVersion{}, errNoDirector
}

// DiskUsage implements bootstrap.Director.
func (k *keeper) DiskUsage(_ context.Context, _, group string) (int, bool, error) {
	return k.percent, k.percent >= 0 && group == "db", nil
}

// withDatabase is what is deployed: databases.version is version, none for "".
func withDatabase(release, version string) string {
	text := "name: concourse\nreleases: [{name: concourse, version: 8.2.4}, {name: postgres, version: " + release + "}]\n" +
		"instance_groups: [{name: db, jobs: [{name: postgres, release: postgres, properties: {databases: {port: 5432"
	if version != "" {
		text += ", version: " + version
	}
	return text + "}}}]}]\n"
}

// onVM is an installation with its database on a VM.
func onVM(version int) *config.Config {
	c := given()
	c.Database = config.Database{Kind: "vm", Version: version}
	return c
}

// stage is an installation that is there but for its deploy: the director takes none.
type stage struct {
	*cloud
	*keeper
	set []component.Component
}

func newStage(t *testing.T, first *config.Config) *stage {
	t.Helper()
	s := &stage{cloud: newCloud(), keeper: &keeper{percent: 20}}
	s.set = append(s.set, set...)
	s.set = append(s.set, component.Component{Name: "postgres", Kind: component.KindRelease, Version: "54.0.5"})
	if at, _ := s.run(t, first, bootstrap.Options{}); at == nil || at.Step != "deploy" || !errors.Is(at, errNoDirector) {
		t.Fatalf("the first install ends with %v", at)
	}
	return s
}

// run runs deploy, and gives where it has ended and what was shown.
func (s *stage) run(t *testing.T, cfg *config.Config, o bootstrap.Options) (at *step.Error, shown *progress) {
	t.Helper()
	i, shown := s.installation(t, cfg)
	_, err := i.Deploy(t.Context(), o)
	errors.As(err, &at)
	return at, shown
}

func (s *stage) installation(t *testing.T, cfg *config.Config) (*bootstrap.Installation, *progress) {
	i, shown := s.install(t, cfg)
	i.Director = func(resource.Director) (bootstrap.Director, func(), error) { return s.keeper, func() {}, nil }
	i.Components = func(context.Context, resource.Source, resource.Version) ([]component.Component, error) {
		return s.set, nil
	}
	return i, shown
}

func (s *stage) version(t *testing.T, part string) bool {
	t.Helper()
	return strings.Contains(s.configuration(t), part)
}

func TestDeploy_refusesAMajorUpgradeWhoseNeedsAreNotMet(t *testing.T) {
	for name, of := range map[string]struct {
		deployed string
		percent  int
		wanted   int
		options  bootstrap.Options
		want     []string
	}{
		"lowered":                  {withDatabase("56.0.4", ""), 20, 15, bootstrap.Options{}, []string{"PostgreSQL is 18 and cannot become 15", "give 18 as database.version"}},
		"a full disk":              {withDatabase("54.0.5", "16"), 61, 17, bootstrap.Options{}, []string{"16 → 17", "61% full", "larger disk"}},
		"a silent agent":           {withDatabase("54.0.5", "16"), -1, 17, bootstrap.Options{}, []string{"does not say how full"}},
		"together with an upgrade": {withDatabase("54.0.5", "16"), 20, 17, bootstrap.Options{Upgrade: true}, []string{"a step of its own", "without --upgrade"}},
		"by the pipeline":          {withDatabase("54.0.5", "16"), 20, 17, bootstrap.Options{Self: true, Components: set}, []string{"a step of its own", "perpetual deploy ci by hand"}},
		"not in the release":       {withDatabase("54.0.5", "16"), 20, 18, bootstrap.Options{}, []string{"54.0.5 has PostgreSQL 15, 16 and 17, not 18"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, onVM(0))
			s.manifest, s.percent = of.deployed, of.percent
			i, _ := s.installation(t, onVM(of.wanted))
			if _, err := i.Plan(t.Context(), of.options); err == nil || !strings.Contains(err.Error(), of.want[0]) {
				t.Errorf("plan says %v", err)
			}
			at, _ := s.run(t, onVM(of.wanted), of.options)
			if at == nil || at.Step != "configuration" {
				t.Fatalf("it ends with %v", at)
			}
			for _, part := range of.want {
				if !strings.Contains(at.Error(), part) {
					t.Errorf("the error lacks %q: %v", part, at)
				}
			}
			if s.version(t, `"version"`) {
				t.Error("the version that was refused is stored")
			}
		})
	}
}

// What is refused, or not done yet, is not stored: the pipeline would take it up.
func TestDeploy_storesAMajorOnlyOnceTheDatabaseHasIt(t *testing.T) {
	s := newStage(t, onVM(0))
	s.manifest = withDatabase("54.0.5", "16")
	i, _ := s.installation(t, onVM(17))
	p, err := i.Plan(t.Context(), bootstrap.Options{})
	var lines []string
	for _, step := range p.Steps {
		lines = append(lines, step.Lines...)
	}
	if text := strings.Join(lines, "\n"); err == nil || !strings.Contains(text, "! PostgreSQL 16 → 17 is a major upgrade") || !strings.Contains(text, "database.version: not set → 17") {
		t.Errorf("the plan ends with %v and says:\n%s", err, text)
	}
	at, shown := s.run(t, onVM(17), bootstrap.Options{})
	if at == nil || at.Step != "deploy" || !errors.Is(at, errNoDirector) {
		t.Fatalf("it ends with %v", at)
	}
	if text := strings.Join(shown.lines, "\n"); strings.Count(text, "warning: PostgreSQL 16 → 17 is a major upgrade") != 1 {
		t.Errorf("it is not said once that this is a major upgrade:\n%s", text)
	}
	if s.version(t, `"version"`) {
		t.Error("the version is stored before the database has it")
	}
	if text := s.document(t, "operator/configuration.json"); !strings.Contains(text, `"postgres":17`) && !strings.Contains(text, `"postgres": 17`) {
		t.Error("it is not written down that such a deploy was begun")
	}
	// The data may be of 17 by now, and the disk full of both.
	s.percent = 80
	if at, _ := s.run(t, onVM(17), bootstrap.Options{}); at == nil || at.Step != "deploy" || !errors.Is(at, errNoDirector) {
		t.Errorf("the next run does not go on: %v", at)
	}
	if at, _ := s.run(t, onVM(16), bootstrap.Options{}); at == nil || !strings.Contains(at.Error(), "cannot become 16") {
		t.Errorf("back to 16: %v", at)
	}
}

// forget takes out of the record what this version has noted of the database: that of
// an earlier version has nothing of it.
func (s *stage) forget(t *testing.T) {
	t.Helper()
	s.amend(t, "operator/configuration.json", func(fields map[string]any) {
		chosen := fields["chosen"].(map[string]any)
		if chosen["postgres"] != 16.0 {
			t.Fatalf("the record has no major: %v", chosen)
		}
		delete(chosen, "postgres")
	})
}

func TestDeploy_asksWhatNobodyKnows(t *testing.T) {
	s := newStage(t, onVM(0))
	s.forget(t)
	s.manifest = withDatabase("31", "")
	at, _ := s.run(t, onVM(0), bootstrap.Options{})
	if at == nil || at.Step != "deploy" {
		t.Fatalf("it ends with %v", at)
	}
	for _, part := range []string{"postgres-release 31", "SELECT version()", "database.version"} {
		if !strings.Contains(at.Error(), part) {
			t.Errorf("the error lacks %q: %v", part, at)
		}
	}
	if at, _ := s.run(t, onVM(15), bootstrap.Options{}); at == nil || !errors.Is(at, errNoDirector) {
		t.Errorf("when it is said: %v", at)
	}
}

// A director that is away may be what the run is to put right.
func TestDeploy_looksAtTheDatabaseAgainOnceTheDirectorAnswers(t *testing.T) {
	s := newStage(t, onVM(0))
	s.gone = true
	if at, _ := s.run(t, onVM(17), bootstrap.Options{}); at == nil || at.Step != "deploy" || !errors.Is(at, errNoDirector) {
		t.Errorf("it ends with %v", at)
	}
	if s.version(t, `"version"`) {
		t.Error("the version is stored before anybody knows whether it may be")
	}
}

func TestDeploy_refusesASetThatDoesNotGoWithTheDatabase(t *testing.T) {
	for _, of := range []struct{ release, want string }{{"54.0.5", "not 18"}, {"56.0.4", "18 needs Concourse 8.2.5"}} {
		s := &stage{cloud: newCloud(), keeper: &keeper{}, set: append(slices.Clone(set), component.Component{Name: "postgres", Version: of.release})}
		at, _ := s.run(t, onVM(18), bootstrap.Options{})
		if at == nil || at.Step != "components" || !strings.Contains(at.Error(), of.want) || slices.Contains(s.written(), "stack") {
			t.Errorf("postgres-release %s: it ends with %v", of.release, at)
		}
	}
}

// A service is upgraded alone, after everything else of the stack.
func TestDeploy_raisesTheServiceAfterAllElse(t *testing.T) {
	s := newStage(t, given())
	s.major = 16
	cfg := given()
	cfg.Database.Version, cfg.Access.Director = 17, []string{"198.51.100.0/24"}
	if at, _ := s.run(t, cfg, bootstrap.Options{Upgrade: true}); at == nil || at.Step != "configuration" || !strings.Contains(at.Error(), "a step of its own") {
		t.Errorf("together with an upgrade it ends with %v", at)
	}
	at, shown := s.run(t, cfg, bootstrap.Options{})
	if at == nil || at.Step != "deploy" {
		t.Fatalf("it ends with %v", at)
	}
	if len(s.applied) != 3 || s.applied[1].DirectorCIDRs[0] != "198.51.100.0/24" || s.applied[1].DatabaseVersion != "" || s.applied[2].DatabaseVersion != "17" || s.major != 17 {
		t.Errorf("the stack was changed with %+v, and the database is %d", s.applied, s.major)
	}
	if text := strings.Join(shown.lines, "\n"); !strings.Contains(text, "warning: PostgreSQL 16 → 17 is a major upgrade: RDS takes a snapshot") {
		t.Errorf("nobody is told:\n%s", text)
	}
	if !s.version(t, `"version":17`) && !s.version(t, `"version": 17`) {
		t.Error("the version that the database has is not stored")
	}
	for version, want := range map[int]string{16: "is 17 and cannot become 16", 18: "18 needs Concourse 8.2.5"} {
		cfg.Database.Version = version
		if at, _ := s.run(t, cfg, bootstrap.Options{}); at == nil || at.Step != "configuration" || !strings.Contains(at.Error(), want) {
			t.Errorf("%d: it ends with %v, want %q", version, at, want)
		}
	}
}

// An upgrade of the service that is undone takes nothing back of the change that was made
// before it.
func TestDeploy_keepsWhatWasMadeBeforeAnUpgradeThatIsUndone(t *testing.T) {
	s := newStage(t, given())
	s.major = 16
	s.cloud.at = func(effect string) {
		if len(s.applied) == 2 && effect == "stack" { // of the first install, and of all else
			s.fail["stack"], s.undo = errBroken, true
		}
	}
	cfg := given()
	cfg.Database.Version, cfg.Access.Director = 17, []string{"198.51.100.0/24"}
	if at, _ := s.run(t, cfg, bootstrap.Options{}); at == nil || at.Step != "infrastructure" || len(s.applied) != 2 {
		t.Fatalf("it ends with %v after %d changes", at, len(s.applied))
	}
	if !s.version(t, "198.51.100.0/24") || s.version(t, "17") {
		t.Errorf("stored is %s", s.configuration(t))
	}
}
