package bootstrap

import (
	"context"
	"errors"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/database"
	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/infrastructure"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/postgres"
)

// checkDatabase looks, before anything is stored or changed, whether the database may
// become what database.version says. A major upgrade is r.raise then.
func (r *work) checkDatabase(ctx context.Context) error {
	wanted := r.Config.Database.Version
	if wanted == 0 {
		return nil
	}
	if database.Service(r.Config) {
		return r.checkService(ctx, wanted)
	}
	if !r.Record.Deployment || r.Record.Postgres == wanted {
		return nil
	}
	r.holdVersion = true
	// A director that does not answer may be what this run puts right: deploy asks again.
	d, done, err := r.OpenDirector()
	if err != nil {
		return nil
	}
	defer done()
	deployed, err := d.Deployment(ctx, manifest.DeploymentName(r.Config))
	if err != nil {
		return nil
	}
	change, err := r.database().Change(deployed.Manifest, r.Record.Desired, wanted)
	if err != nil {
		return err
	}
	return r.mayChange(ctx, d, change)
}

// checkService is checkDatabase for a database service, whose version the stack has.
func (r *work) checkService(ctx context.Context, wanted int) error {
	if r.Record.Infrastructure == nil || r.Record.Infrastructure.Database.Major == wanted {
		return nil
	}
	now, err := r.Site().Outputs(ctx)
	if errors.Is(err, infrastructure.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the version of the database: %w", err)
	}
	if now.Database.Major == 0 || now.Database.Major == wanted {
		return nil
	}
	r.holdVersion = true
	return r.mayChange(ctx, nil, r.database().ServiceChange(now.Database.Major))
}

// database is that of the installation.
func (r *work) database() database.Database {
	return database.Database{
		Name: r.Name, Config: r.Config, Record: &r.Record, Bound: r.Options.Self || r.Options.Upgrade || len(r.Options.Components) > 0,
	}
}

// mayChange says what is against a change of the database. A major upgrade it notes,
// and says what it is.
func (r *work) mayChange(ctx context.Context, disk database.Disk, c postgres.Change) error {
	if err := r.database().May(ctx, disk, c); err != nil || !c.Major() {
		return err
	}
	r.raise = c
	r.Warn(c.String())
	return nil
}

// settleDatabase finds out, once the director answers, which PostgreSQL the database VM
// gets: the one that is wanted, else the one that is deployed.
func (r *work) settleDatabase(ctx context.Context, d Director) error {
	if database.Service(r.Config) {
		return r.database().CheckService(r.Infrastructure.Database.Major, r.Set)
	}
	deployed, err := d.Deployment(ctx, manifest.DeploymentName(r.Config))
	if err != nil && !errors.Is(err, bosh.ErrNotFound) {
		return fmt.Errorf("read which PostgreSQL is deployed: %w", err)
	}
	if r.Postgres, err = r.database().Major(deployed.Manifest, r.User); err != nil {
		return err
	}
	change, err := r.database().Change(deployed.Manifest, r.Set, r.Postgres)
	if err != nil {
		return err
	}
	if err := r.mayChange(ctx, d, change); err != nil {
		return err
	}
	r.Record.Postgres = max(r.Record.Postgres, r.Postgres)
	return nil
}

// keptConfig is what is stored of the configuration before anything is done. A major
// upgrade is not among it: the pipeline would take it up if this run ended here.
func (r *work) keptConfig() *config.Config {
	if !r.holdVersion || r.Stored == nil {
		return r.Wanted
	}
	kept := *r.Wanted
	kept.Database.Version = r.Stored.Database.Version
	return &kept
}

// keepVersion stores database.version once the database has it.
func (r *work) keepVersion(ctx context.Context) error {
	if !r.holdVersion || r.Options.Self {
		return nil
	}
	err := r.SaveStatement(ctx, r.Wanted, r.Said.Files)
	r.holdVersion = err != nil
	return err
}
