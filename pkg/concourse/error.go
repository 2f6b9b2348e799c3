package concourse

import (
	"errors"
	"fmt"
	"strings"

	api "github.com/concourse/concourse/go-concourse/concourse"

	"github.com/perpetual-ci/perpetual/pkg/concourse/session"
)

// ErrNoTeam says that the team does not exist.
var ErrNoTeam = errors.New("no such team")

// InvalidError says what Concourse finds wrong in a pipeline. Nothing was set.
type InvalidError struct {
	Errors []string // invalid jobs: jobs[0] has no name
}

// Error implements error.
func (e *InvalidError) Error() string {
	return "Concourse refuses the pipeline: " + strings.Join(e.Errors, "; ")
}

// ConflictError says that somebody else changed a pipeline while it was being
// set. Theirs is in force.
type ConflictError struct {
	Pipeline string     // self-upgrade
	Read     string     // config version that the change was made for: 12
	Now      string     // config version in force: 14; empty when it was deleted
	Changed  []string   // what they changed: jobs/upgrade
	Diff     []DiffLine // the same in full
}

// Error implements error.
func (e *ConflictError) Error() string {
	now := "now " + e.Now
	if e.Now == "" {
		now = "now deleted"
	}
	read := "it was at config version " + e.Read
	if e.Read == "" {
		read = "it did not exist"
	}
	return fmt.Sprintf("somebody else changed the pipeline meanwhile (%s, %s: %s); theirs was left in force: "+
		"look at it with `fly get-pipeline -p %s` and run again", read, now, strings.Join(e.Changed, ", "), e.Pipeline)
}

// explain puts what was being done before err, in which no type of the library is left.
func (c *Client) explain(doing string, err error) error {
	var invalid api.InvalidConfigError
	var conflict *ConflictError
	switch {
	case errors.As(err, &invalid):
		ours := &InvalidError{}
		for _, text := range invalid.Errors {
			ours.Errors = append(ours.Errors, c.session.Mask(session.OneLine(text)))
		}
		err = ours
	case !errors.As(err, &conflict) && !errors.Is(err, ErrNoTeam):
		err = c.session.Explain(err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// explainIf is explain for an error that may be nil.
func (c *Client) explainIf(doing string, err error) error {
	if err == nil {
		return nil
	}
	return c.explain(doing, err)
}
