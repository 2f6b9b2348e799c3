package infrastructure_test

import (
	"context"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/aws/stack"
	"github.com/perpetual-ci/perpetual/pkg/infrastructure"
)

// described is a stack of which only the status is known.
type described struct {
	infrastructure.Stack
	status stack.Status
}

// Describe implements infrastructure.Stack.
func (d described) Describe(context.Context) (stack.Status, error) { return d.status, nil }

// A stack counts when it is ours and was begun in earnest.
func TestLook_leavesOutWhatHoldsNothing(t *testing.T) {
	live := func(status stack.Status) bool {
		found, err := infrastructure.Site{
			Name: "ci", Open: func(string, stack.Options) (infrastructure.Stack, error) { return described{status: status}, nil },
		}.Look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return found.Live
	}
	for state, want := range map[string]bool{
		"CREATE_COMPLETE": true, "CREATE_IN_PROGRESS": true, "UPDATE_ROLLBACK_FAILED": true, "DELETE_FAILED": true,
		"REVIEW_IN_PROGRESS": false, "ROLLBACK_IN_PROGRESS": false, "ROLLBACK_COMPLETE": false, "ROLLBACK_FAILED": false, "CREATE_FAILED": false,
	} {
		given := cloudformation.Stack{State: state}
		if live(stack.Status{Exists: true, Ours: true, Stack: given}) != want || live(stack.Status{Exists: true, Stack: given}) {
			t.Errorf("%s is not judged right", state)
		}
	}
	if live(stack.Status{}) {
		t.Error("no stack is live")
	}
}
