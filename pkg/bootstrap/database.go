package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/selection"
	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/deployment"
	"github.com/perpetual-ci/perpetual/pkg/infrastructure"
	"github.com/perpetual-ci/perpetual/pkg/manifest/bundle"
	"github.com/perpetual-ci/perpetual/pkg/postgres"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// versionKey is the key of the database's major version.
const versionKey = "database.version"

// checkDatabase looks, before anything is stored or changed, whether the database may
// become what database.version says. A major upgrade is r.raise then.
func (r *run) checkDatabase(ctx context.Context) error {
	wanted := r.config.Database.Version
	if wanted == 0 {
		return nil
	}
	if usesService(r.config) {
		return r.checkService(ctx, wanted)
	}
	if !r.record.Deployment || r.record.Postgres == wanted {
		return nil
	}
	r.holdVersion = true
	// A director that does not answer may be what this run puts right: deploy asks again.
	d, done, err := r.Director(r.access())
	if err != nil {
		return nil
	}
	defer done()
	deployed, err := d.Deployment(ctx, r.deploymentName())
	if err != nil {
		return nil
	}
	change, err := r.databaseChange(deployed.Manifest, r.record.Desired, wanted)
	if err != nil {
		return err
	}
	return r.mayChange(ctx, d, change)
}

// checkService is checkDatabase for a database service, whose version the stack has.
func (r *run) checkService(ctx context.Context, wanted int) error {
	if r.record.Infrastructure == nil || r.record.Infrastructure.Database.Major == wanted {
		return nil
	}
	now, err := r.site().Outputs(ctx)
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
	concourse := selection.Versions(r.record.Desired).Concourse
	return r.mayChange(ctx, nil, postgres.Change{
		From: now.Database.Major, To: wanted, ConcourseFrom: concourse, ConcourseTo: concourse, Param: versionKey,
	})
}

// databaseChange is what a deploy of a component set makes of the database VM.
func (r *run) databaseChange(deployed []byte, set []component.Component, to int) (postgres.Change, error) {
	file := template.File{Name: "the deployed manifest", Text: deployed}
	is, found, err := postgres.In(file)
	if err != nil {
		return postgres.Change{}, err
	}
	before, err := deployment.Parse(file)
	if err != nil {
		return postgres.Change{}, err
	}
	versions := selection.Versions(set)
	change := postgres.Change{
		Group: is.Group, To: to, Release: versions.Postgres,
		ConcourseFrom: before.Release("concourse"), ConcourseTo: versions.Concourse, Param: versionKey,
	}
	if found {
		// A deploy that was begun may have upgraded the data and failed after that.
		change.From = max(is.Major, r.record.Postgres)
	}
	return change, nil
}

// mayChange says what is against a change of the database. A major upgrade it notes,
// and says what it is.
func (r *run) mayChange(ctx context.Context, d Director, c postgres.Change) error {
	if err := c.Problem(); err != nil {
		return err
	}
	if !c.Major() {
		return nil
	}
	if r.options.Self || r.options.Upgrade || len(r.options.Components) > 0 {
		return fmt.Errorf("PostgreSQL %d → %d is a step of its own; nothing was changed: run perpetual deploy %s by hand, without --upgrade and --components", c.From, c.To, r.Name)
	}
	if d != nil {
		percent, known, err := d.DiskUsage(ctx, r.deploymentName(), c.Group)
		if err != nil {
			return fmt.Errorf("look whether the disk of %s has room for a major upgrade of PostgreSQL: %w", c.Group, err)
		}
		if !known {
			return fmt.Errorf("look whether the disk of %s has room for a major upgrade of PostgreSQL: its agent does not say how full it is; nothing was changed: see bosh instances --vitals", c.Group)
		}
		if err := c.Room(percent); err != nil {
			return err
		}
	}
	r.raise = c
	if line := c.String(); !slices.Contains(r.warned, line) {
		r.warned = append(r.warned, line)
		r.Progress.Warn(line)
	}
	return nil
}

// settleDatabase finds out, once the director answers, which PostgreSQL the database VM
// gets: the one that is wanted, else the one that is deployed.
func (r *run) settleDatabase(ctx context.Context, d Director) error {
	if usesService(r.config) {
		major := r.infra.Database.Major
		return postgres.Change{
			From: major, To: major, ConcourseFrom: selection.Versions(r.record.Applied).Concourse, ConcourseTo: selection.Versions(r.set).Concourse, Param: versionKey,
		}.Problem()
	}
	deployed, err := d.Deployment(ctx, r.deploymentName())
	if err != nil && !errors.Is(err, bosh.ErrNotFound) {
		return fmt.Errorf("read which PostgreSQL is deployed: %w", err)
	}
	if r.postgres, err = r.databaseMajor(deployed.Manifest); err != nil {
		return err
	}
	change, err := r.databaseChange(deployed.Manifest, r.set, r.postgres)
	if err != nil {
		return err
	}
	if err := r.mayChange(ctx, d, change); err != nil {
		return err
	}
	r.record.Postgres = max(r.record.Postgres, r.postgres)
	return nil
}

// databaseMajor is the major that the database VM gets; 0 where the user's own
// variables say it.
func (r *run) databaseMajor(deployed []byte) (int, error) {
	if wanted := r.config.Database.Version; wanted > 0 {
		return wanted, nil
	}
	user, err := r.user()
	if err != nil {
		return 0, err
	}
	vars, err := postgres.Vars(template.Template{File: bundle.Concourse()}, deployed, user.Vars, versionKey)
	var unknown *postgres.UnknownError
	if errors.As(err, &unknown) && r.record.Postgres > 0 {
		return r.record.Postgres, nil
	}
	if err != nil {
		return 0, err
	}
	major, said := vars[postgres.Variable].(int)
	if !said {
		return 0, nil
	}
	return max(major, r.record.Postgres), nil
}

// keptConfig is what is stored of the configuration before anything is done. A major
// upgrade is not among it: the pipeline would take it up if this run ended here.
func (r *run) keptConfig() *config.Config {
	if !r.holdVersion || r.stored == nil {
		return r.wantedConfig
	}
	kept := *r.wantedConfig
	kept.Database.Version = r.stored.Database.Version
	return &kept
}

// keepVersion stores database.version once the database has it.
func (r *run) keepVersion(ctx context.Context) error {
	if !r.holdVersion || r.options.Self {
		return nil
	}
	err := r.say(ctx, r.wantedConfig, r.said.Files)
	r.holdVersion = err != nil
	return err
}

// checkSet says whether a component set goes with the database, as far as that is known
// without asking anybody. settleDatabase knows it for certain.
func (r *run) checkSet(before, set []component.Component) error {
	major := r.config.Database.Version
	if major == 0 {
		major = r.record.Postgres
	}
	release := selection.Versions(set).Postgres
	if usesService(r.config) {
		release = ""
		if infra := r.record.Infrastructure; infra != nil && infra.Database.Major > 0 {
			major = infra.Database.Major
		}
	} else if major == 0 && !r.record.Deployment {
		major = postgres.New
	}
	return postgres.Change{
		To: major, Release: release, ConcourseFrom: selection.Versions(before).Concourse, ConcourseTo: selection.Versions(set).Concourse, Param: versionKey,
	}.Problem()
}
