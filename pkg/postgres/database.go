// Package postgres decides which major of PostgreSQL a deployment runs. The one that
// is deployed stays until somebody asks for another, whatever a newer version of
// github.com/cloudfoundry/postgres-release deploys by itself; and another one is a step
// of its own, whose needs are looked at first.
package postgres

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/compatibility"
	"github.com/perpetual-ci/perpetual/pkg/deployment"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// Variable is the bundled manifest's variable for the major.
const Variable = "postgres_major"

// New is the major of a new database VM: what postgres-release 54.x deploys by itself.
const New = 16

// Database is the PostgreSQL of a BOSH manifest: the job postgres of the release postgres.
type Database struct {
	Group   string // "db"
	Release string // version of the release, "54.0.5"
	Major   int    // 16; 0: nobody knows
	Set     bool   // whether databases.version says so; otherwise it is what the release deploys by itself
	Text    string // databases.version where it is not a number, "((postgres_major))" of a config server
}

// document is what is read of a manifest.
type document struct {
	Groups []struct {
		Name string `yaml:"name"` // "db"
		Jobs []struct {
			Name       string `yaml:"name"`    // "postgres"
			Release    string `yaml:"release"` // "postgres"
			Properties struct {
				Databases struct {
					Version any `yaml:"version"` // 16
				} `yaml:"databases"`
			} `yaml:"properties"`
		} `yaml:"jobs"`
	} `yaml:"instance_groups"`
}

// In finds the database in a manifest, the first if there are several. found is false
// where there is none, such as in an empty text.
func In(f template.File) (d Database, found bool, err error) {
	parsed, err := deployment.Parse(f)
	if err != nil {
		return Database{}, false, err
	}
	var doc document
	if err := template.Decode(f.Text, &doc); err != nil {
		return Database{}, false, fmt.Errorf("find the database in %s: the properties of a job are not a mapping", f.Name)
	}
	for _, group := range doc.Groups {
		for _, job := range group.Jobs {
			if job.Name != "postgres" || job.Release != "postgres" {
				continue
			}
			d := Database{Group: group.Name, Release: parsed.Release("postgres")}
			if version := job.Properties.Databases.Version; version != nil {
				d.Set, d.Major = true, majorOf(version)
				if d.Major == 0 {
					d.Text = fmt.Sprint(version)
				}
			} else {
				d.Major, _ = compatibility.PostgresDefault(d.Release)
			}
			return d, true, nil
		}
	}
	return Database{}, false, nil
}

// majorOf reads databases.version; 0 for what is not a major, such as a variable.
func majorOf(version any) int {
	text, _, _ := strings.Cut(fmt.Sprint(version), ".")
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// Vars is the value of Variable to render a manifest with: what is deployed, or New
// where no database is. It lies over the bundled defaults and under what is given; with
// a given one there is none. deployed is the deployed manifest, empty for a first deploy;
// param is what errors say to give. It fails with *UnknownError when nobody knows what is
// deployed and the template needs it.
func Vars(t template.Template, deployed []byte, given []map[string]any, param string) (map[string]any, error) {
	for _, layer := range given {
		if _, said := layer[Variable]; said {
			return nil, nil
		}
	}
	d, found, err := In(template.File{Name: "the deployed manifest", Text: deployed})
	switch {
	case err != nil:
		return nil, err
	case !found:
		return map[string]any{Variable: New}, nil
	case d.Major > 0:
		return map[string]any{Variable: d.Major}, nil
	case d.Set:
		return map[string]any{Variable: d.Text}, nil
	}
	t.Vars, t.Partial = nil, true
	text, err := template.Render(t)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(string(text), "(("+Variable+"))") {
		return nil, nil
	}
	return nil, &UnknownError{Database: d, Param: param}
}

// UnknownError says that nobody knows which major a database has.
type UnknownError struct {
	Database
	Param string // what to give: "database.version", "params.vars.postgres_major"
}

// Error implements error.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("find out which PostgreSQL the group %s has: the deployed manifest has no databases.version, and what postgres-release %s deploys by itself is not known; "+
		"nothing was changed: look with SELECT version() in the database, or with bosh ssh %s -c 'sudo ls /var/vcap/store/postgres', and give the major as %s",
		e.Group, e.Release, e.Group, e.Param)
}
