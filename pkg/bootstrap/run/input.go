package run

import (
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/database"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/selection"
	"github.com/perpetual-ci/perpetual/pkg/config/schema"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/manifest/overlay"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// Input is what the manifests are rendered from.
func (r *Run) Input() (manifest.Input, error) {
	types := r.Record.InstanceTypes
	in := manifest.Input{
		Config: r.Config, Infrastructure: r.Outputs, Credentials: r.Credentials, OperatorPublicKey: r.operatorKey(),
		InstanceTypes: manifest.InstanceTypes{
			Director: types["director"], Web: types["web"], Worker: types["worker"], Database: types["database"],
		},
		Spread:      r.Record.Spread,
		Versions:    selection.Versions(r.Set),
		Program:     r.Program,
		SpotCeiling: r.spotCeiling(types["worker"]),

		PostgresMajor: r.Postgres,
		Installer:     manifest.Installer{Inside: r.Options.Self}, // its keys are added where the director is made
	}
	var err error
	in.User, err = r.User()
	return in, err
}

// operatorKey is by which the pipeline knows the operator's documents. In the plan of a
// state of an older release something stands for the one that is made when it is signed.
func (r *Run) operatorKey() string {
	if key := r.Documents.Keys.Public().String(); key != "" || !r.Documents.Old() {
		return key
	}
	return "(a new key)"
}

// spotCeiling is the most that an hour of a spot worker may cost; "" without AWS.
func (r *Run) spotCeiling(instanceType string) string {
	if r.Elsewhere() {
		return ""
	}
	return r.SpotCeiling(r.Config.AWS.Region, instanceType)
}

// User reads the user's ops files and vars files.
func (r *Run) User() (manifest.User, error) {
	u, problems := r.readUser()
	return u, problems.Err()
}

func (r *Run) readUser() (manifest.User, schema.Problems) {
	u, notes, problems := overlay.Read(r.Config, r.UserFiles().Read)
	r.Warn(notes...)
	for _, layer := range u.Vars {
		r.Mask(resource.SecretVars(layer)...)
	}
	return u, problems
}

// Source is the source that finds the component set.
func (r *Run) Source() resource.Source {
	return selection.Wanted{Config: r.Config, Program: r.Program, AllowUnsigned: r.Options.AllowUnsigned, Postgres: !database.Service(r.Config)}.Source()
}
