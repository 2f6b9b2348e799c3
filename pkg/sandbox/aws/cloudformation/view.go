package cloudformation

import (
	"maps"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/resource"
)

// StackState is one stack.
type StackState struct {
	ID, Status string
	Parameters map[string]string
	Tags       map[string]string
	Outputs    map[string]string
	Protected  bool
	Resources  map[string]resource.Live // by logical id
	ChangeSets int
	Events     []Event // oldest first
}

// states are the stacks that are not deleted, by name.
func (s *engine) states() map[string]StackState {
	out := map[string]StackState{}
	for _, st := range s.stacks {
		if st.status == "DELETE_COMPLETE" {
			continue
		}
		state := StackState{
			ID: st.id, Status: st.status, Parameters: maps.Clone(st.parameters), Tags: maps.Clone(st.tags), Outputs: maps.Clone(st.outputs),
			Protected: st.protected, Resources: map[string]resource.Live{}, ChangeSets: len(st.changeSets), Events: slices.Clone(st.events),
		}
		for id, l := range st.live {
			state.Resources[id] = *l
		}
		out[st.name] = state
	}
	return out
}
