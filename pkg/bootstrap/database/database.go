// Package database says which PostgreSQL an installation has and gets, and what is against a
// change of it. A major upgrade is a step of its own, which nothing takes back.
package database

import (
	"context"
	"errors"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/selection"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/deployment"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/manifest/bundle"
	"github.com/perpetual-ci/perpetual/pkg/postgres"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// Key is the key of the database's major version in a configuration.
const Key = "database.version"

// Database is that of an installation.
type Database struct {
	Name   string         // of the installation: "ci"
	Config *config.Config // what is wanted, with the defaults
	Record *record.Record
	// Bound says that the run may do no major upgrade: it is a self-upgrade, or takes other
	// versions of the components, too.
	Bound bool
}

// Disk tells how full, in percent, the fullest persistent disk of a group is. It is
// not known where the group has none, or no agent answers.
type Disk interface {
	DiskUsage(ctx context.Context, deployment, group string) (percent int, known bool, err error)
}

// Service says whether the database is a service of the cloud.
func (d Database) Service() bool { return Service(d.Config) }

// Service says whether the database of a configuration is a service of the cloud.
func Service(c *config.Config) bool { return c.AWS != nil && c.Database.Kind != "vm" }

// ServiceChange is what a change of the service's version from a major is.
func (d Database) ServiceChange(from int) postgres.Change {
	concourse := selection.Versions(d.Record.Desired).Concourse
	return postgres.Change{From: from, To: d.Config.Database.Version, ConcourseFrom: concourse, ConcourseTo: concourse, Param: Key}
}

// CheckService says whether a component set goes with a service of a major.
func (d Database) CheckService(major int, set []component.Component) error {
	return postgres.Change{
		From: major, To: major, ConcourseFrom: selection.Versions(d.Record.Applied).Concourse, ConcourseTo: selection.Versions(set).Concourse, Param: Key,
	}.Problem()
}

// Change is what a deploy of a component set makes of the database VM.
func (d Database) Change(deployed []byte, set []component.Component, to int) (postgres.Change, error) {
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
		ConcourseFrom: before.Release("concourse"), ConcourseTo: versions.Concourse, Param: Key,
	}
	if found {
		// A deploy that was begun may have upgraded the data and failed after that.
		change.From = max(is.Major, d.Record.Postgres)
	}
	return change, nil
}

// May says what is against a change of the database; disk is that of a VM, nil for a service.
func (d Database) May(ctx context.Context, disk Disk, c postgres.Change) error {
	if err := c.Problem(); err != nil {
		return err
	}
	if !c.Major() {
		return nil
	}
	if d.Bound {
		return fmt.Errorf("PostgreSQL %d → %d is a step of its own; nothing was changed: run perpetual deploy %s by hand, without --upgrade and --components", c.From, c.To, d.Name)
	}
	if disk != nil {
		percent, known, err := disk.DiskUsage(ctx, manifest.DeploymentName(d.Config), c.Group)
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
	return nil
}

// Major is the major that the database VM gets; 0 where the user's own
// variables say it.
func (d Database) Major(deployed []byte, user func() (manifest.User, error)) (int, error) {
	if wanted := d.Config.Database.Version; wanted > 0 {
		return wanted, nil
	}
	own, err := user()
	if err != nil {
		return 0, err
	}
	vars, err := postgres.Vars(template.Template{File: bundle.Concourse()}, deployed, own.Vars, Key)
	var unknown *postgres.UnknownError
	if errors.As(err, &unknown) && d.Record.Postgres > 0 {
		return d.Record.Postgres, nil
	}
	if err != nil {
		return 0, err
	}
	major, said := vars[postgres.Variable].(int)
	if !said {
		return 0, nil
	}
	return max(major, d.Record.Postgres), nil
}

// CheckSet says whether a component set goes with the database, as far as that is known
// without asking anybody. It is known for certain once the director answers.
func (d Database) CheckSet(before, set []component.Component) error {
	major := d.Config.Database.Version
	if major == 0 {
		major = d.Record.Postgres
	}
	release := selection.Versions(set).Postgres
	if d.Service() {
		release = ""
		if infra := d.Record.Infrastructure; infra != nil && infra.Database.Major > 0 {
			major = infra.Database.Major
		}
	} else if major == 0 && !d.Record.Deployment {
		major = postgres.New
	}
	return postgres.Change{
		To: major, Release: release, ConcourseFrom: selection.Versions(before).Concourse, ConcourseTo: selection.Versions(set).Concourse, Param: Key,
	}.Problem()
}
