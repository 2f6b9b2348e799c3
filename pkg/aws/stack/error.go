package stack

import (
	"errors"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/aws/cloudformation"
)

var (
	// ErrNotFound says that there is no such stack.
	ErrNotFound = errors.New("there is no such stack")
	// ErrForeign says that a stack of the name exists that is not ours.
	ErrForeign = errors.New("a stack of this name exists that Perpetual has not made")
)

// Error says that the stack is not as wanted.
type Error struct {
	Stack    string   // "perpetual-ci"
	State    string   // "ROLLBACK_COMPLETE"
	Failures []string // "Database (AWS::RDS::DBInstance): …", oldest first
	Now      string   // what is still true
	Do       string   // what to do
	kind     error
}

// Error implements error.
func (e *Error) Error() string {
	text := fmt.Sprintf("stack %s is %s", e.Stack, e.State)
	if len(e.Failures) > 0 {
		shown := e.Failures[:min(len(e.Failures), 5)]
		text += ": " + strings.Join(shown, "; ")
		if more := len(e.Failures) - len(shown); more > 0 {
			text += fmt.Sprintf("; and %d more", more)
		}
	}
	return text + " (" + e.Now + "). " + strings.ToUpper(e.Do[:1]) + e.Do[1:]
}

// Unwrap gives aws.ErrQuota, cloudformation.ErrCapacity, aws.ErrDenied, aws.ErrCredentials or nil.
func (e *Error) Unwrap() error { return e.kind }

// outcomes say, for every state in which a change can end badly or be left, what
// is still true and what to do.
var outcomes = map[string][2]string{
	"CREATE_FAILED":            {"what was created before it failed is still there", "correct the cause and run again: that is deleted and created again"},
	"ROLLBACK_COMPLETE":        {"the creation failed and was undone: nothing of it is left but the empty stack", "correct the cause and run again: the stack is created again"},
	"ROLLBACK_FAILED":          {"the creation failed, and part of it could not be deleted", "correct the cause and run again: what is left is deleted and created again"},
	"UPDATE_FAILED":            {"the update stopped half-way: the stack is neither as it was nor as wanted, and nothing was deleted", "correct the cause and run again"},
	"UPDATE_ROLLBACK_COMPLETE": {"the update was undone: everything is as it was before", "correct the cause and run again"},
	"UPDATE_ROLLBACK_FAILED":   {"the update failed, and could not be undone either: part of the stack is new and part is old", "correct the cause and run again: the rollback is finished first"},
	"DELETE_FAILED":            {"part of it could not be deleted and is still there", "correct the cause and run destroy again"},
	"DELETE_COMPLETE":          {"somebody deleted it while it was waited for", "run again"},
	"IMPORT_ROLLBACK_FAILED":   {"somebody imported resources into it, and that failed", "finish that in the CloudFormation console, then run again"},
}

// stateError makes an error of a state.
func (s *Stack) stateError(status Status) error {
	outcome, ok := outcomes[status.State]
	if !ok {
		outcome = [2]string{either(status.Reason, "its state is not one that follows from what was done"), "look at its events in the CloudFormation console, then run again"}
	}
	e := &Error{Stack: s.options.Name, State: either(status.State, "gone"), Failures: status.Failures, Now: outcome[0], Do: outcome[1]}
	for _, reason := range append([]string{status.Reason}, status.Failures...) {
		if hint, kind := cloudformation.Diagnose(reason); hint != "" {
			e.kind, e.Do = kind, hint+"; then "+strings.TrimPrefix(e.Do, "correct the cause and ")
			break
		}
	}
	return e
}

// foreign says that a stack is not ours.
func (s *Stack) foreign(status Status) error {
	whose := "it has no tag " + ownerTag
	if owner := status.Tags[ownerTag]; owner != "" {
		whose = fmt.Sprintf("its tag %s is %q", ownerTag, owner)
	}
	return fmt.Errorf("use stack %s: %w (%s); it was not touched: choose another name, or delete that stack if it is not needed", s.options.Name, ErrForeign, whose)
}

// either is the first text that is one.
func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
