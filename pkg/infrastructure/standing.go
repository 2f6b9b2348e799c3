package infrastructure

import (
	"context"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/aws/stack"
)

// Standing is what the cloud says of an installation's stack, whatever the state knows.
type Standing struct {
	Exists bool
	// Live says that the stack is ours and was begun in earnest: a stack of change sets
	// only, or one whose creation failed and was undone, holds nothing. One that somebody
	// else has made is not live: the step that would change it refuses to.
	Live  bool
	Name  string // "perpetual-ci"
	State string // "UPDATE_COMPLETE"

	Bucket          string // of the state that it was made with; "" for a directory
	WebAddress      string // "198.51.100.1"; "" while there is none
	DirectorAddress string // "198.51.100.2"; "" while there is none
}

// undone are the states of a stack that holds nothing: it was never made, or its
// creation has failed.
var undone = []string{"REVIEW_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"}

// rolledBack is the state of a stack whose update was undone.
const rolledBack = "UPDATE_ROLLBACK_COMPLETE"

// RolledBack says that the last update of the stack was undone.
func (s Standing) RolledBack() bool { return s.State == rolledBack }

// Look says how the stack stands.
func (s Site) Look(ctx context.Context) (Standing, error) {
	opened, err := s.stack(s.tellEvent)
	if err != nil {
		return Standing{}, err
	}
	return s.standing(ctx, opened)
}

// standing says how a stack stands.
func (s Site) standing(ctx context.Context, opened Stack) (Standing, error) {
	status, err := opened.Describe(ctx)
	if err != nil || !status.Exists {
		return Standing{}, err
	}
	return Standing{
		Exists: true, Live: live(status), Name: StackName(s.Name), State: status.State,
		Bucket: status.Parameters["StateBucket"], WebAddress: status.Outputs.WebAddress, DirectorAddress: status.Outputs.DirectorAddress,
	}, nil
}

// live says whether a stack is ours and was begun in earnest.
func live(s stack.Status) bool { return s.Ours && !slices.Contains(undone, s.State) }
