package goal

import (
	"context"
	"errors"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/database"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/run"
	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/infrastructure"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/postgres"
)

// checkDatabase looks, before anything is stored or changed, whether the database may
// become what database.version says. A major upgrade is g.Raise then.
func (g *Goal) checkDatabase(ctx context.Context) error {
	wanted := g.Config.Database.Version
	if wanted == 0 {
		return nil
	}
	if database.Service(g.Config) {
		return g.checkService(ctx, wanted)
	}
	if !g.Record.Deployment || g.Record.Postgres == wanted {
		return nil
	}
	g.holdVersion = true
	// A director that does not answer may be what this run puts right: deploy asks again.
	d, done, err := g.OpenDirector()
	if err != nil {
		return nil
	}
	defer done()
	deployed, err := d.Deployment(ctx, manifest.DeploymentName(g.Config))
	if err != nil {
		return nil
	}
	change, err := g.database().Change(deployed.Manifest, g.Record.Desired, wanted)
	if err != nil {
		return err
	}
	return g.mayChange(ctx, d, change)
}

// checkService is checkDatabase for a database service, whose version the stack has.
func (g *Goal) checkService(ctx context.Context, wanted int) error {
	if g.Record.Infrastructure == nil || g.Record.Infrastructure.Database.Major == wanted {
		return nil
	}
	now, err := g.Site().Outputs(ctx)
	if errors.Is(err, infrastructure.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the version of the database: %w", err)
	}
	if now.Database.Major == 0 || now.Database.Major == wanted {
		return nil
	}
	g.holdVersion = true
	return g.mayChange(ctx, nil, g.database().ServiceChange(now.Database.Major))
}

// database is that of the installation.
func (g *Goal) database() database.Database {
	return database.Database{
		Name: g.Name, Config: g.Config, Record: &g.Record, Bound: g.Options.Self || g.Options.Upgrade || len(g.Options.Components) > 0,
	}
}

// mayChange says what is against a change of the database. A major upgrade it notes,
// and says what it is.
func (g *Goal) mayChange(ctx context.Context, disk database.Disk, c postgres.Change) error {
	if err := g.database().May(ctx, disk, c); err != nil || !c.Major() {
		return err
	}
	g.Raise = c
	g.Warn(c.String())
	return nil
}

// SettleDatabase finds out, once the director answers, which PostgreSQL the database VM
// gets: the one that is wanted, else the one that is deployed.
func (g *Goal) SettleDatabase(ctx context.Context, d run.Director) error {
	if database.Service(g.Config) {
		return g.database().CheckService(g.Outputs.Database.Major, g.Set)
	}
	deployed, err := d.Deployment(ctx, manifest.DeploymentName(g.Config))
	if err != nil && !errors.Is(err, bosh.ErrNotFound) {
		return fmt.Errorf("read which PostgreSQL is deployed: %w", err)
	}
	if g.Postgres, err = g.database().Major(deployed.Manifest, g.User); err != nil {
		return err
	}
	change, err := g.database().Change(deployed.Manifest, g.Set, g.Postgres)
	if err != nil {
		return err
	}
	if err := g.mayChange(ctx, d, change); err != nil {
		return err
	}
	g.Record.Postgres = max(g.Record.Postgres, g.Postgres)
	return nil
}

// ExpectDatabase finds out which PostgreSQL the database VM gets from a director that is not
// there yet.
func (g *Goal) ExpectDatabase() {
	if !database.Service(g.Config) {
		g.Postgres, _ = g.database().Major(nil, g.User)
	}
}

// keptConfig is what is stored of the configuration before anything is done. A major
// upgrade is not among it: the pipeline would take it up if this run ended here.
func (g *Goal) keptConfig() *config.Config {
	if !g.holdVersion || g.Stored == nil {
		return g.Wanted
	}
	kept := *g.Wanted
	kept.Database.Version = g.Stored.Database.Version
	return &kept
}

// KeepVersion stores database.version once the database has it.
func (g *Goal) KeepVersion(ctx context.Context) error {
	if !g.holdVersion || g.Options.Self {
		return nil
	}
	err := g.SaveStatement(ctx, g.Wanted, g.Said.Files)
	g.holdVersion = err != nil
	return err
}
