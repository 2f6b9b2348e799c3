package pause

import (
	"errors"
	"fmt"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
)

// RightError says that the user may not see and pause what all teams have.
type RightError struct {
	User  string // perpetual
	Right string // owner of the team main
	Doing string // pause, or unpause
}

// Error implements error.
func (e *RightError) Error() string {
	text := fmt.Sprintf("%s the pipelines of all teams: Concourse user %s is not an %s; nothing was changed: give that user the role owner in main", e.Doing, e.User, e.Right)
	if e.Doing == "pause" {
		text += ", or choose another way than quiet with upgrade.way"
	}
	return text
}

// BusyError says which builds still run when the time to wait for them is over.
type BusyError struct {
	Builds  []concourse.Build
	Timeout time.Duration // 30m
}

// Error implements error.
func (e *BusyError) Error() string {
	return fmt.Sprintf("wait for builds to end: after %s %s still ran: %s; nothing was deployed: try again when they have ended, raise upgrade.quiet_timeout, or set upgrade.on_quiet_timeout to go, which loses them",
		e.Timeout, counted(len(e.Builds), "build"), titles(e.Builds))
}

// refused says whether another look would only get the same answer: nobody logs
// in with a wrong password every two seconds.
func refused(err error) bool {
	var right *RightError
	return concourse.Refused(err) || errors.As(err, &right)
}
