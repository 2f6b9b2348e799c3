package stack

import (
	"maps"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/resource"
)

// State is one stack.
type State struct {
	ID, Status string
	Parameters map[string]string
	Tags       map[string]string
	Outputs    map[string]string
	Protected  bool
	Resources  map[string]resource.Live // by logical id
	ChangeSets int
	Events     []Event // oldest first
}

// States are the stacks that are not deleted, by name.
func (s *Engine) States() map[string]State {
	out := map[string]State{}
	for _, st := range s.Stacks {
		if st.Status == "DELETE_COMPLETE" {
			continue
		}
		state := State{
			ID: st.ID, Status: st.Status, Parameters: maps.Clone(st.Parameters), Tags: maps.Clone(st.Tags), Outputs: maps.Clone(st.Outputs),
			Protected: st.Protected, Resources: map[string]resource.Live{}, ChangeSets: len(st.ChangeSets), Events: slices.Clone(st.Events),
		}
		for id, l := range st.Live {
			state.Resources[id] = *l
		}
		out[st.Name] = state
	}
	return out
}
