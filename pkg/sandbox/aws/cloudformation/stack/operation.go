package stack

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/handler"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/resource"
)

// Operation is what is being done to a stack: tasks one after another, each of
// which begins at one step of time and ends at the next.
type Operation struct {
	Kind   string // "CREATE", "UPDATE", "DELETE", "ROLLBACK", "UPDATE_ROLLBACK"
	Token  string
	Tasks  []Task
	due    time.Time
	Before *Picture // for the rollback of an update
	Retain []string
	failed []string      // resources that failed
	Judge  handler.Judge // of the caller; nil: it may all
}

// Picture is a stack as it was before an update.
type Picture struct {
	Wanted  Wanted
	Live    map[string]*resource.Live
	Order   []string
	Outputs map[string]string
}

// Task is one resource's part in an operation, or, without id, a new state of
// the stack.
type Task struct {
	Action string // "CREATE", "UPDATE", "DELETE", "REVERT"; of the stack: its next state
	ID     string
	begun  bool
	old    *resource.Live // DELETE of one that a new one has replaced
}

// Advance does what is due of every operation. It is called with every request,
// so that nothing runs in the background.
func (s *Engine) Advance() {
	now := s.Options.Now()
	for _, st := range s.Stacks {
		for st.Operation != nil && !now.Before(st.Operation.due) {
			t := &st.Operation.Tasks[0]
			if t.begun && s.held[t.ID] {
				break
			}
			st.Operation.due = st.Operation.due.Add(s.Options.Step)
			s.step(st, t)
		}
	}
}

// Begin starts an operation.
func (s *Engine) Begin(st *Stack, o *Operation) {
	o.due, o.Judge = s.Options.Now().Add(s.Options.Step), s.Judge
	st.Operation = o
	if o.Kind == "CREATE" || o.Kind == "UPDATE" || o.Kind == "DELETE" {
		s.become(st, o.Kind+"_IN_PROGRESS", "User Initiated")
	} else {
		s.become(st, o.Kind+"_IN_PROGRESS", "")
	}
}

// step begins or ends a task.
func (s *Engine) step(st *Stack, t *Task) {
	if t.ID == "" {
		s.turn(st, t.Action)
		return
	}
	kind := strings.Replace(t.Action, "REVERT", "UPDATE", 1)
	physical, resource := "", st.Template.Resources[t.ID].Type
	if l := st.Live[t.ID]; l != nil {
		physical, resource = l.PhysicalID, l.Type
	}
	if t.old != nil {
		physical, resource = t.old.PhysicalID, t.old.Type
	}
	if !t.begun {
		if s.postpone(st, t) {
			return
		}
		t.begun = true
		s.event(st, t.ID, physical, resource, kind+"_IN_PROGRESS", "")
		return
	}
	if reason := cmp.Or(s.failure(st, t), s.forbidden(st, t)); reason != "" {
		s.event(st, t.ID, physical, resource, kind+"_FAILED", reason)
		s.fail(st, t, reason)
		return
	}
	status, err := s.carryOut(st, t)
	if err != nil {
		s.event(st, t.ID, physical, resource, kind+"_FAILED", err.Error())
		s.fail(st, t, err.Error())
		return
	}
	if l := st.Live[t.ID]; l != nil && t.old == nil {
		physical, l.Status = l.PhysicalID, status
	}
	s.event(st, t.ID, physical, resource, status, "")
	st.Operation.Tasks = st.Operation.Tasks[1:]
}

// carryOut does what a task is for, and gives the state of its resource.
func (s *Engine) carryOut(st *Stack, t *Task) (status string, err error) {
	switch t.Action {
	case "CREATE", "UPDATE":
		return t.Action + "_COMPLETE", s.put(st, t)
	case "REVERT":
		if was := st.Operation.Before.Live[t.ID]; was != nil {
			if now := st.Live[t.ID]; now.Type == resource.DatabaseType {
				if refusal := s.upgrade(now, was.Properties); refusal != "" {
					return "", errors.New(refusal)
				}
			}
			st.Live[t.ID] = was
		}
		return "UPDATE_COMPLETE", nil
	}
	l := st.Live[t.ID]
	if t.old != nil {
		l = t.old
	} else {
		delete(st.Live, t.ID)
		st.Order = slices.DeleteFunc(st.Order, func(id string) bool { return id == t.ID })
	}
	switch {
	case l.Policy == "Retain" || slices.Contains(st.Operation.Retain, t.ID):
		return "DELETE_SKIPPED", nil
	case l.Policy == "Snapshot":
		s.Snapshots = append(s.Snapshots, l.PhysicalID+"-snapshot")
	}
	if s.Options.OnDelete != nil {
		s.Options.OnDelete(*l)
	}
	return "DELETE_COMPLETE", nil
}

// put makes or changes a resource.
func (s *Engine) put(st *Stack, t *Task) error {
	r := st.Template.Resources[t.ID]
	sc := s.scope(st, st.Wanted, st.Live, nil)
	properties, err := sc.Value(map[string]any(r.Properties))
	if err != nil {
		return err
	}
	metadata, err := sc.Value(map[string]any(r.Metadata))
	if err != nil {
		return err
	}
	fresh := s.make(st, t.ID, r, properties.(map[string]any), metadata.(map[string]any))
	there := st.Live[t.ID]
	if there != nil && r.Type == resource.DatabaseType {
		if refusal := s.upgrade(there, fresh.Properties); refusal != "" {
			return errors.New(refusal)
		}
	}
	stays := there != nil && resource.Replacement(r.Type, there.Differ(fresh.Properties, fresh.Metadata)) == "False"
	if reason := s.taken(fresh); reason != "" && !stays {
		return errors.New(reason)
	}
	if reason := s.tried(st, t.ID, fresh); reason != "" {
		return errors.New(reason)
	}
	if there == nil {
		st.Order = append(st.Order, t.ID)
	} else if stays {
		fresh.PhysicalID, fresh.Attributes = there.PhysicalID, there.Attributes
		st.Live[t.ID] = fresh
		return nil
	} else {
		st.Operation.Tasks = slices.Insert(st.Operation.Tasks, len(st.Operation.Tasks)-1, Task{Action: "DELETE", ID: t.ID, old: there})
	}
	st.Live[t.ID] = fresh
	if s.Options.OnCreate != nil {
		s.Options.OnCreate(*fresh)
	}
	return nil
}

// tried says why IAM does not take a resource in the place of what there is.
func (s *Engine) tried(st *Stack, id string, fresh *resource.Live) string {
	there, is := st.Live[id]
	if is && resource.Replacement(fresh.Type, there.Differ(fresh.Properties, fresh.Metadata)) == "False" {
		again := *fresh
		again.PhysicalID = there.PhysicalID
		fresh = &again
	}
	st.Live[id] = fresh
	reason := s.Rights.Misfit(fresh)
	if delete(st.Live, id); is {
		st.Live[id] = there
	}
	return reason
}

// fail goes on after a resource has failed: with a rollback, where there is one.
func (s *Engine) fail(st *Stack, t *Task, _ string) {
	o := st.Operation
	if t.Action == "DELETE" && (o.Kind == "UPDATE" || o.Kind == "UPDATE_ROLLBACK") {
		s.leave(st, t)
		return
	}
	o.failed = append(o.failed, t.ID)
	names := "[" + strings.Join(o.failed, ", ") + "]"
	switch o.Kind {
	case "CREATE":
		next := &Operation{Kind: "ROLLBACK", Token: o.Token, Judge: o.Judge, Tasks: Deletions(st)}
		st.Operation = nil
		s.BeginWith(st, next, "The following resource(s) failed to create: "+names+". Rollback requested by user.")
	case "UPDATE":
		next := &Operation{Kind: "UPDATE_ROLLBACK", Token: o.Token, Judge: o.Judge, Before: o.Before}
		next.Tasks = s.Revert(st, o.Before)
		st.Operation = nil
		s.BeginWith(st, next, "The following resource(s) failed to update: "+names+".")
	case "UPDATE_ROLLBACK":
		st.Stuck, st.Operation = o.Before, nil
		s.becomeAs(st, o.Token, "UPDATE_ROLLBACK_FAILED", "The following resource(s) failed to update: "+names+".")
	default: // the other resources are deleted all the same
		o.Tasks = o.Tasks[1:]
	}
}

// leave goes on after the cleanup of an update, or of its rollback, could not delete
// what is of no use any more: the service gives up on it, and it is outside the stack.
func (s *Engine) leave(st *Stack, t *Task) {
	if t.old == nil {
		delete(st.Live, t.ID)
		st.Order = slices.DeleteFunc(st.Order, func(id string) bool { return id == t.ID })
	}
	st.Operation.Tasks = st.Operation.Tasks[1:]
}

// BeginWith starts a rollback for a reason.
func (s *Engine) BeginWith(st *Stack, o *Operation, reason string) {
	o.due = s.Options.Now().Add(s.Options.Step)
	st.Operation = o
	s.become(st, o.Kind+"_IN_PROGRESS", reason)
}

// becomeAs is become after the operation has ended.
func (s *Engine) becomeAs(st *Stack, token, status, reason string) {
	s.become(st, status, reason)
	st.Events[len(st.Events)-1].Token = token
}

// Deletions are the tasks that delete everything, last made first.
func Deletions(st *Stack) []Task {
	var out []Task
	for _, id := range slices.Backward(st.Order) {
		out = append(out, Task{Action: "DELETE", ID: id})
	}
	return append(out, Task{})
}

// Revert are the tasks that undo an update.
func (s *Engine) Revert(st *Stack, before *Picture) []Task {
	var out, added []Task
	for _, id := range slices.Backward(st.Order) {
		if was := before.Live[id]; was == nil {
			added = append(added, Task{Action: "DELETE", ID: id})
		} else if len(was.Differ(st.Live[id].Properties, st.Live[id].Metadata)) > 0 || was.Status != st.Live[id].Status {
			out = append(out, Task{Action: "REVERT", ID: id})
		}
	}
	out = append(out, Task{Action: "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"})
	return append(append(out, added...), Task{})
}

// turn changes the stack's state: to the one named, or to that in which the
// operation ends.
func (s *Engine) turn(st *Stack, status string) {
	o := st.Operation
	o.Tasks = o.Tasks[1:]
	if status != "" {
		s.become(st, status, "")
		return
	}
	status, reason := o.Kind+"_COMPLETE", ""
	switch {
	case len(o.failed) > 0:
		status, reason = o.Kind+"_FAILED", fmt.Sprintf("The following resource(s) failed to delete: [%s]. ", strings.Join(o.failed, ", "))
	case o.Kind == "UPDATE_ROLLBACK":
		st.Wanted, st.Live, st.Order, st.Outputs, st.Stuck = o.Before.Wanted, o.Before.Live, o.Before.Order, o.Before.Outputs, nil
	case o.Kind == "CREATE" || o.Kind == "UPDATE":
		outputs, err := s.evaluateOutputs(st)
		if err != nil {
			reason = err.Error()
		}
		st.Outputs = outputs
	}
	st.Operation = nil
	s.becomeAs(st, o.Token, status, reason)
}
