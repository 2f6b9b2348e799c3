package installer_test

import (
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/document"
	"github.com/perpetual-ci/perpetual/pkg/postgres"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// deployedMajor is the major of PostgreSQL that the director has deployed.
func (p *place) deployedMajor(t *testing.T) int {
	t.Helper()
	for _, m := range p.Director.Deployments() {
		if d, found, err := postgres.In(template.File{Name: m.Name, Text: []byte(m.Manifest)}); err == nil && found && d.Set {
			return d.Major
		}
	}
	t.Fatal("the deployed manifest says nothing of PostgreSQL")
	return 0
}

func TestDeploy_raisesPostgreSQLInAStepOfItsOwn(t *testing.T) {
	t.Parallel()
	p := newPlace(t, site.Options{}, map[string]any{"database": map[string]any{"kind": "vm"}})
	p.Publish(world.Set{Postgres: "54.0.5"})
	if q := p.good(t, "deploy"); strings.Contains(q.stderr, "PostgreSQL") || p.deployedMajor(t) != 16 {
		t.Errorf("a new database is PostgreSQL %d; it says:\n%s", p.deployedMajor(t), q.stderr)
	}
	const what = "PostgreSQL 16 → 17 is a major upgrade"
	if q := p.run(t, "plan", "--database-version", "17"); q.code != 2 || !strings.Contains(q.stdout, "! "+what) || !strings.Contains(q.stdout, "database.version: not set → 17") {
		t.Errorf("plan: exit code %d\n%s%s", q.code, q.stdout, q.stderr)
	}
	if q := p.run(t, "deploy", "--upgrade", "--database-version", "17"); q.code != 1 || !strings.Contains(q.stderr, "a step of its own") {
		t.Errorf("together with an upgrade: exit code %d\n%s", q.code, q.stderr)
	}
	if p.deployedMajor(t) != 16 {
		t.Fatalf("PostgreSQL is %d, and nobody has deployed it", p.deployedMajor(t))
	}
	if q := p.good(t, "deploy", "--database-version", "17"); !strings.Contains(q.stderr, what) || p.deployedMajor(t) != 17 {
		t.Errorf("PostgreSQL is %d; it says:\n%s", p.deployedMajor(t), q.stderr)
	}
	p.finds(t, nothingToDo)
	if q := p.run(t, "deploy", "--database-version", "16"); q.code != 1 || !strings.Contains(q.stderr, "is 17 and cannot become 16") {
		t.Errorf("back: exit code %d\n%s", q.code, q.stderr)
	}
	var kept struct {
		Configuration struct {
			Database struct{ Version int }
		}
	}
	if err := yaml.Unmarshal([]byte(p.document(t, document.Names()[0])), &kept); err != nil || kept.Configuration.Database.Version != 17 {
		t.Errorf("the stored version is %d (%v)", kept.Configuration.Database.Version, err)
	}
}

func TestDeploy_raisesRDSInAStepOfItsOwn(t *testing.T) {
	t.Parallel()
	p := newPlace(t, site.Options{}, map[string]any{"database": map[string]any{"version": 16}})
	p.good(t, "deploy")
	engine := func() any {
		return p.Stacks.State().Stacks["perpetual-ci"].Resources["Database"].Properties["EngineVersion"]
	}
	if engine() != "16" {
		t.Fatalf("the engine is %v", engine())
	}
	if q := p.run(t, "plan", "--database-version", "17"); q.code != 2 || !strings.Contains(q.stdout, "RDS takes a snapshot") || !strings.Contains(q.stdout, "Properties.EngineVersion") {
		t.Errorf("plan: exit code %d\n%s%s", q.code, q.stdout, q.stderr)
	}
	if q := p.run(t, "deploy", "--database-version", "15"); q.code != 1 || !strings.Contains(q.stderr, "is 16 and cannot become 15") {
		t.Errorf("back: exit code %d\n%s", q.code, q.stderr)
	}
	q := p.good(t, "deploy", "--database-version", "17", "--workers-count", "2")
	if engine() != "17" || len(p.Stacks.State().Snapshots) != 1 || !strings.Contains(q.stderr, "PostgreSQL 16 → 17") {
		t.Errorf("the engine is %v, the snapshots %q\n%s", engine(), p.Stacks.State().Snapshots, q.stderr)
	}
	// What was raised stays, also for a run that knows nothing of it.
	if err := p.WriteFiles(p.dir, nil); err != nil {
		t.Fatal(err)
	}
	p.finds(t, nothingToDo)
}
