package cloudformation

import (
	"maps"
	"slices"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/resource"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/template"
)

// changeSet is one change set of a stack.
type changeSet struct {
	id, name  string
	token     string
	create    bool
	wanted    wanted
	changes   []change
	ready     time.Time // until then it is being made
	status    string    // once it is made
	reason    string
	execution string // "AVAILABLE"
	created   time.Time
}

// change is what happens to one resource.
type change struct {
	action, id, physical, kind, replacement string
	properties                              []string // "Properties.CidrBlock", "Metadata", "Tags"
}

// noChanges is what CloudFormation says of a change set that changes nothing.
const noChanges = "The submitted information didn't contain changes. Submit different information to create a change set."

// compare finds what a change set would do. What is replaced gets a new id, which
// changes those that refer to it: so it looks again until nothing more is.
func (s *engine) compare(st *stack, w wanted) ([]change, error) {
	replaced := map[string]bool{}
	for {
		out, err := s.compareOnce(st, w, replaced)
		if err != nil {
			return nil, err
		}
		more := false
		for _, c := range out {
			if c.replacement == "True" && !replaced[c.id] {
				replaced[c.id], more = true, true
			}
		}
		if !more {
			return out, nil
		}
	}
}

// compareOnce compares, with resources of which it is known that they are replaced.
func (s *engine) compareOnce(st *stack, w wanted, replaced map[string]bool) ([]change, error) {
	ids, err := s.present(st, w)
	if err != nil {
		return nil, err
	}
	known, live := map[string]string{}, map[string]*resource.Live{}
	for _, id := range ids {
		if live[id] = st.live[id]; live[id] == nil || replaced[id] {
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
		if c.action != "" {
			out = append(out, c)
		}
	}
	for _, id := range slices.Backward(st.order) {
		if !slices.Contains(ids, id) && st.live[id] != nil {
			out = append(out, change{action: "Remove", id: id, physical: st.live[id].PhysicalID, kind: st.live[id].Type})
		}
	}
	return out, nil
}

// compareResource compares one; without a difference its change has no action.
func (s *engine) compareResource(st *stack, w wanted, sc *template.Scope, id string) (change, error) {
	r := w.template.Resources[id]
	properties, err := sc.Value(map[string]any(r.Properties))
	if err != nil {
		return change{}, err
	}
	metadata, err := sc.Value(map[string]any(r.Metadata))
	if err != nil {
		return change{}, err
	}
	there := st.live[id]
	if there == nil {
		return change{action: "Add", id: id, kind: r.Type}, nil
	}
	differences := there.Differ(properties.(map[string]any), metadata.(map[string]any))
	if _, taggable := there.Properties["Tags"]; taggable && !resource.Untagged[r.Type] && !maps.Equal(w.tags, st.tags) {
		differences = append(differences, "Tags")
	}
	if len(differences) == 0 {
		return change{}, nil
	}
	return change{action: "Modify", id: id, physical: there.PhysicalID, kind: r.Type, replacement: resource.Replacement(r.Type, differences), properties: differences}, nil
}

// current gives the status of a change set now.
func (c *changeSet) current(now time.Time) (status, execution, reason string) {
	if now.Before(c.ready) {
		return "CREATE_IN_PROGRESS", "UNAVAILABLE", ""
	}
	if c.status == "FAILED" {
		return c.status, "UNAVAILABLE", c.reason
	}
	return c.status, c.execution, c.reason
}

// findChangeSet gives a change set of a stack by name or ARN. The ARN alone names
// its stack as well.
func (s *engine) findChangeSet(stackName, name string) (*stack, *changeSet) {
	for _, st := range s.stacks {
		if stackName != "" && s.find(stackName) != st {
			continue
		}
		for _, c := range st.changeSets {
			if c.id == name || c.name == name && stackName != "" {
				return st, c
			}
		}
	}
	return nil, nil
}
