package cloudformation

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
)

// Failure makes a resource fail.
type Failure struct {
	LogicalID string
	On        string // "CREATE", "UPDATE", "DELETE", "REVERT" (the rollback of an update); empty: any
	Reason    string // "Maximum number of addresses has been reached"
	Times     int    // 0 is one, -1 is always
	// Late has it fail after all others have been made or changed: the real service
	// makes what does not depend on each other side by side, here it is one by one.
	Late bool
}

// Refusal makes the service refuse calls.
type Refusal struct {
	Action  string // empty: any
	Skip    int    // so many calls pass first
	Times   int    // 0 is one, -1 is always
	Status  int    // default 400
	Code    string // "Throttling"
	Message string // "Rate exceeded"
	Acted   bool   // what was asked for happens all the same
}

// Call is one request as it came.
type Call struct {
	Action string
	Form   url.Values
}

// State is what a test may look at.
type State struct {
	Stacks    map[string]StackState // by name, those that are not deleted
	Snapshots []string              // of databases: before a major upgrade, and when they were deleted
	Calls     map[string]int        // by action
	Writes    int                   // calls that change something
	Sent      []Call                // every call
}

// StackState is one stack.
type StackState struct {
	ID, Status string
	Parameters map[string]string
	Tags       map[string]string
	Outputs    map[string]string
	Protected  bool
	Resources  map[string]Live // by logical id
	ChangeSets int
	Events     []Event // oldest first
}

// Fail adds failures.
func (s *Server) Fail(list ...Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range list {
		if f.Times == 0 {
			f.Times = 1
		}
		s.failures = append(s.failures, &f)
	}
}

// Refuse adds refusals.
func (s *Server) Refuse(list ...Refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range list {
		if r.Times == 0 {
			r.Times = 1
		}
		if r.Status == 0 {
			r.Status = http.StatusBadRequest
		}
		s.refusals = append(s.refusals, &r)
	}
}

// Clear removes all failures and refusals, and lets everything go on that is held.
func (s *Server) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures, s.refusals, s.held = nil, nil, map[string]bool{}
}

// Hold keeps a resource in progress until Release.
func (s *Server) Hold(logicalID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[logicalID] = true
}

// Release lets a held resource go on.
func (s *Server) Release(logicalID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held, logicalID)
}

// State gives what there is now.
func (s *Server) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	out := State{Stacks: map[string]StackState{}, Snapshots: slices.Clone(s.snapshots), Calls: maps.Clone(s.calls), Sent: slices.Clone(s.sent)}
	for action, n := range s.calls {
		if writes[action] {
			out.Writes += n
		}
	}
	for _, st := range s.stacks {
		if st.status == "DELETE_COMPLETE" {
			continue
		}
		state := StackState{
			ID: st.id, Status: st.status, Parameters: maps.Clone(st.parameters), Tags: maps.Clone(st.tags), Outputs: maps.Clone(st.outputs),
			Protected: st.protected, Resources: map[string]Live{}, ChangeSets: len(st.changeSets), Events: slices.Clone(st.events),
		}
		for id, l := range st.live {
			state.Resources[id] = *l
		}
		out.Stacks[st.name] = state
	}
	return out
}

// refusal takes the next refusal that is meant for an action.
func (s *Server) refusal(action string) *Refusal {
	for _, r := range s.refusals {
		switch {
		case r.Action != "" && r.Action != action || r.Times == 0:
		case r.Skip > 0:
			r.Skip--
		default:
			if r.Times > 0 {
				r.Times--
			}
			return r
		}
	}
	return nil
}

// postpone puts a task that is to fail late behind all others that make or change.
func (s *Server) postpone(st *stack, t *task) bool {
	late := slices.ContainsFunc(s.failures, func(f *Failure) bool {
		return f.Late && f.LogicalID == t.id && (f.On == "" || f.On == t.action) && f.Times != 0
	})
	tasks := st.operation.tasks
	last := slices.IndexFunc(tasks, func(t task) bool { return t.id == "" })
	if !late || last < 2 {
		return false
	}
	st.operation.tasks = slices.Concat(tasks[1:last], tasks[:1], tasks[last:])
	return true
}

// failure says why a task fails; "" if it does not.
func (s *Server) failure(st *stack, t *task) string {
	for _, f := range s.failures {
		if f.LogicalID == t.id && (f.On == "" || f.On == t.action) && f.Times != 0 {
			if f.Times > 0 {
				f.Times--
			}
			return f.Reason
		}
	}
	l := st.live[t.id]
	if t.old != nil {
		l = t.old
	}
	if t.action == "DELETE" && l != nil && l.Type == "AWS::RDS::DBInstance" && fmt.Sprint(l.Properties["DeletionProtection"]) == "true" &&
		!slices.Contains(st.operation.retain, t.id) {
		return "Cannot delete protected DB Instance, please disable deletion protection and try again. (Service: Rds, Status Code: 400)"
	}
	return ""
}
