package cloudformation

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

// addFailures adds failures.
func (s *engine) addFailures(list ...Failure) {
	for _, f := range list {
		if f.Times == 0 {
			f.Times = 1
		}
		s.failures = append(s.failures, &f)
	}
}

// clear removes all failures, and lets everything go on that is held.
func (s *engine) clear() { s.failures, s.held = nil, map[string]bool{} }

// hold keeps a resource in progress, or lets it go on.
func (s *engine) hold(logicalID string, held bool) { s.held[logicalID] = held }

// postpone puts a task that is to fail late behind all others that make or change.
func (s *engine) postpone(st *stack, t *task) bool {
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
func (s *engine) failure(st *stack, t *task) string {
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
