package run

import (
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/database"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/document"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/possession"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/preflight"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
)

// EnvironmentFolder is where create-env's documents are; an older release has kept them
// outside the folder of runs.
const EnvironmentFolder = document.RunFolder + "environment/"

// directorStateName is where create-env keeps its state.
const directorStateName = EnvironmentFolder + "state.json"

// Known is what the state knows.
func (r *Run) Known() preflight.State {
	made := slices.ContainsFunc(r.Record.Steps, func(s record.Step) bool { return s.Step == step.Credentials })
	known := preflight.State{
		Name: r.Name, Where: r.StoreName(), Documents: r.Documents, Store: r.Store, Record: r.Record,
		Generated: made || r.Record.Director || database.Service(r.Config),
	}
	if !r.Elsewhere() {
		known.DirectorState = directorStateName
	}
	return known
}

// Possessions guards what create-env's state names.
func (r *Run) Possessions() *possession.Guard {
	if r.guard != nil {
		return r.guard
	}
	r.guard = &possession.Guard{
		Owner: possession.Owner{Name: r.Name, Account: r.Identity.Account}, Account: r.Account, Document: directorStateName, Store: r.StoreName(),
		Accept: r.Options.AcceptStored,
		Known:  func(id string) bool { return slices.Contains(r.Documents.Keys.Seen().Things, id) },
		Took:   func(ids []string) { r.Documents.Keys.Accepted(ids...) },
		Warn:   func(line string) { r.Warn(line) },
	}
	if r.Operator != nil {
		r.guard.Ask = r.Operator.Accept
	}
	return r.guard
}
