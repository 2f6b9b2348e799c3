package stack

import (
	"maps"
	"slices"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/resource"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/template"
)

// ChangeSet is one change set of a stack.
type ChangeSet struct {
	ID, Name  string
	Token     string
	Create    bool
	Wanted    Wanted
	Changes   []change
	Ready     time.Time // until then it is being made
	Status    string    // once it is made
	Reason    string
	Execution string // "AVAILABLE"
	Created   time.Time
}

// change is what happens to one resource.
type change struct {
	Action, ID, Physical, Kind, Replacement string
	Properties                              []string // "Properties.CidrBlock", "Metadata", "Tags"
}

// NoChanges is what CloudFormation says of a change set that changes nothing.
const NoChanges = "The submitted information didn't contain changes. Submit different information to create a change set."

// Compare finds what a change set would do. What is replaced gets a new id, which
// changes those that refer to it: so it looks again until nothing more is.
func (s *Engine) Compare(st *Stack, w Wanted) ([]change, error) {
	replaced := map[string]bool{}
	for {
		out, err := s.compareOnce(st, w, replaced)
		if err != nil {
			return nil, err
		}
		more := false
		for _, c := range out {
			if c.Replacement == "True" && !replaced[c.ID] {
				replaced[c.ID], more = true, true
			}
		}
		if !more {
			return out, nil
		}
	}
}

// compareOnce compares, with resources of which it is known that they are replaced.
func (s *Engine) compareOnce(st *Stack, w Wanted, replaced map[string]bool) ([]change, error) {
	ids, err := s.present(st, w)
	if err != nil {
		return nil, err
	}
	known, live := map[string]string{}, map[string]*resource.Live{}
	for _, id := range ids {
		if live[id] = st.Live[id]; live[id] == nil || replaced[id] {
			delete(live, id)
			known[id] = "{{changeSet:KNOWN_AFTER_APPLY}}"
		}
	}
	sc := s.scope(st, w, live, known)
	var out []change
	for _, id := range ids {
		c, err := s.compareResource(st, w, sc, id)
		if err != nil {
			return nil, err
		}
		if c.Action != "" {
			out = append(out, c)
		}
	}
	for _, id := range slices.Backward(st.Order) {
		if !slices.Contains(ids, id) && st.Live[id] != nil {
			out = append(out, change{Action: "Remove", ID: id, Physical: st.Live[id].PhysicalID, Kind: st.Live[id].Type})
		}
	}
	return out, nil
}

// compareResource compares one; without a difference its change has no action.
func (s *Engine) compareResource(st *Stack, w Wanted, sc *template.Scope, id string) (change, error) {
	r := w.Template.Resources[id]
	properties, err := sc.Value(map[string]any(r.Properties))
	if err != nil {
		return change{}, err
	}
	metadata, err := sc.Value(map[string]any(r.Metadata))
	if err != nil {
		return change{}, err
	}
	there := st.Live[id]
	if there == nil {
		return change{Action: "Add", ID: id, Kind: r.Type}, nil
	}
	differences := there.Differ(properties.(map[string]any), metadata.(map[string]any))
	if _, taggable := there.Properties["Tags"]; taggable && !resource.Untagged[r.Type] && !maps.Equal(w.Tags, st.Tags) {
		differences = append(differences, "Tags")
	}
	if len(differences) == 0 {
		return change{}, nil
	}
	return change{Action: "Modify", ID: id, Physical: there.PhysicalID, Kind: r.Type, Replacement: resource.Replacement(r.Type, differences), Properties: differences}, nil
}

// Current gives the status of a change set now.
func (c *ChangeSet) Current(now time.Time) (status, execution, reason string) {
	if now.Before(c.Ready) {
		return "CREATE_IN_PROGRESS", "UNAVAILABLE", ""
	}
	if c.Status == "FAILED" {
		return c.Status, "UNAVAILABLE", c.Reason
	}
	return c.Status, c.Execution, c.Reason
}

// FindChangeSet gives a change set of a stack by name or ARN. The ARN alone names
// its stack as well.
func (s *Engine) FindChangeSet(stackName, name string) (*Stack, *ChangeSet) {
	for _, st := range s.Stacks {
		if stackName != "" && s.Find(stackName) != st {
			continue
		}
		for _, c := range st.ChangeSets {
			if c.ID == name || c.Name == name && stackName != "" {
				return st, c
			}
		}
	}
	return nil, nil
}
