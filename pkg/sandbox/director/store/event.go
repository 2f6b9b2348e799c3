package store

import (
	"strconv"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
)

// Event is an entry of GET /events, the director's record of who changed what.
type Event struct {
	ID         string         `json:"id"`                  // "62"
	ParentID   string         `json:"parent_id,omitempty"` // the event that began what this one ends
	Timestamp  int64          `json:"timestamp"`           // seconds since 1970
	User       string         `json:"user"`                // "admin"
	Action     string         `json:"action"`              // "update"
	ObjectType string         `json:"object_type"`         // "deployment"
	ObjectName string         `json:"object_name,omitempty"`
	Error      string         `json:"error,omitempty"`
	Task       string         `json:"task,omitempty"` // "14"
	Deployment string         `json:"deployment,omitempty"`
	Instance   string         `json:"instance,omitempty"` // "web/436cb8d0-…"
	Context    map[string]any `json:"context"`
}

// AddEvent appends an entry and gives its id. The caller holds the lock.
func (s *Store) AddEvent(e Event) string {
	e.ID = strconv.Itoa(s.Next("event"))
	e.Timestamp = s.Now().Unix()
	if e.Context == nil {
		e.Context = map[string]any{}
	}
	s.audit = append(s.audit, e)
	return e.ID
}

// ListEvents answers GET /events, newest first, at most 200.
func (s *Store) ListEvents(c *api.Call) {
	s.Lock()
	defer s.Unlock()
	found := []Event{}
	for i := len(s.audit) - 1; i >= 0 && len(found) < 200; i-- {
		e := s.audit[i]
		fields := map[string]string{
			"deployment": e.Deployment, "task": e.Task, "instance": e.Instance, "user": e.User,
			"action": e.Action, "object_type": e.ObjectType, "object_name": e.ObjectName,
		}
		matches := true
		for key, value := range fields {
			matches = matches && (!c.Query.Has(key) || c.Query.Get(key) == value)
		}
		if matches {
			found = append(found, e)
		}
	}
	c.JSON(found)
}
