package stack

import (
	"fmt"
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

// AddFailures adds failures.
func (s *Engine) AddFailures(list ...Failure) {
	for _, f := range list {
		if f.Times == 0 {
			f.Times = 1
		}
		s.failures = append(s.failures, &f)
	}
}

// Clear removes all failures, and lets everything go on that is held.
func (s *Engine) Clear() { s.failures, s.held = nil, map[string]bool{} }

// Hold keeps a resource in progress, or lets it go on.
func (s *Engine) Hold(logicalID string, held bool) { s.held[logicalID] = held }

// postpone puts a task that is to fail late behind all others that make or change.
func (s *Engine) postpone(st *Stack, t *Task) bool {
	late := slices.ContainsFunc(s.failures, func(f *Failure) bool {
		return f.Late && f.LogicalID == t.ID && (f.On == "" || f.On == t.Action) && f.Times != 0
	})
	tasks := st.Operation.Tasks
	last := slices.IndexFunc(tasks, func(t Task) bool { return t.ID == "" })
	if !late || last < 2 {
		return false
	}
	st.Operation.Tasks = slices.Concat(tasks[1:last], tasks[:1], tasks[last:])
	return true
}

// failure says why a task fails; "" if it does not.
func (s *Engine) failure(st *Stack, t *Task) string {
	for _, f := range s.failures {
		if f.LogicalID == t.ID && (f.On == "" || f.On == t.Action) && f.Times != 0 {
			if f.Times > 0 {
				f.Times--
			}
			return f.Reason
		}
	}
	l := st.Live[t.ID]
	if t.old != nil {
		l = t.old
	}
	if t.Action == "DELETE" && l != nil && l.Type == "AWS::RDS::DBInstance" && fmt.Sprint(l.Properties["DeletionProtection"]) == "true" &&
		!slices.Contains(st.Operation.Retain, t.ID) {
		return "Cannot delete protected DB Instance, please disable deletion protection and try again. (Service: Rds, Status Code: 400)"
	}
	return ""
}
