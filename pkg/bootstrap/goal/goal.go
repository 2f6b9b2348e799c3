// Package goal is what a run wants of an installation: its configuration, its components and
// its credentials. Its steps find out what differs from what was wanted before. The
// configuration is stored when nothing is left that could refuse it without having changed
// anything.
package goal

import (
	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/run"
	"github.com/perpetual-ci/perpetual/pkg/postgres"
)

// Goal is what a run wants.
type Goal struct {
	*run.Run
	Raise   postgres.Change  // the major upgrade of the database that this run makes; the zero value: none
	Subnets []account.Subnet // those of the user, in which the stack is made; none where it makes its own

	roomChecked bool // the account was asked for room
	holdVersion bool // database.version is not stored before the database has it
}
