package cloudformation

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

// operation is what is being done to a stack: tasks one after another, each of
// which begins at one step of time and ends at the next.
type operation struct {
	kind   string // "CREATE", "UPDATE", "DELETE", "ROLLBACK", "UPDATE_ROLLBACK"
	token  string
	tasks  []task
	due    time.Time
	before *picture // for the rollback of an update
	retain []string
	failed []string      // resources that failed
	judge  handler.Judge // of the caller; nil: it may all
}

// picture is a stack as it was before an update.
type picture struct {
	wanted  wanted
	live    map[string]*resource.Live
	order   []string
	outputs map[string]string
}

// task is one resource's part in an operation, or, without id, a new state of
// the stack.
type task struct {
	action string // "CREATE", "UPDATE", "DELETE", "REVERT"; of the stack: its next state
	id     string
	begun  bool
	old    *resource.Live // DELETE of one that a new one has replaced
}

// advance does what is due of every operation. It is called with every request,
// so that nothing runs in the background.
func (s *engine) advance() {
	now := s.options.Now()
	for _, st := range s.stacks {
		for st.operation != nil && !now.Before(st.operation.due) {
			t := &st.operation.tasks[0]
			if t.begun && s.held[t.id] {
				break
			}
			st.operation.due = st.operation.due.Add(s.options.Step)
			s.step(st, t)
		}
	}
}

// begin starts an operation.
func (s *engine) begin(st *stack, o *operation) {
	o.due, o.judge = s.options.Now().Add(s.options.Step), s.judge
	st.operation = o
	if o.kind == "CREATE" || o.kind == "UPDATE" || o.kind == "DELETE" {
		s.become(st, o.kind+"_IN_PROGRESS", "User Initiated")
	} else {
		s.become(st, o.kind+"_IN_PROGRESS", "")
	}
}

// step begins or ends a task.
func (s *engine) step(st *stack, t *task) {
	if t.id == "" {
		s.turn(st, t.action)
		return
	}
	kind := strings.Replace(t.action, "REVERT", "UPDATE", 1)
	physical, resource := "", st.template.Resources[t.id].Type
	if l := st.live[t.id]; l != nil {
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
		s.event(st, t.id, physical, resource, kind+"_IN_PROGRESS", "")
		return
	}
	if reason := cmp.Or(s.failure(st, t), s.forbidden(st, t)); reason != "" {
		s.event(st, t.id, physical, resource, kind+"_FAILED", reason)
		s.fail(st, t, reason)
		return
	}
	status, err := s.carryOut(st, t)
	if err != nil {
		s.event(st, t.id, physical, resource, kind+"_FAILED", err.Error())
		s.fail(st, t, err.Error())
		return
	}
	if l := st.live[t.id]; l != nil && t.old == nil {
		physical, l.Status = l.PhysicalID, status
	}
	s.event(st, t.id, physical, resource, status, "")
	st.operation.tasks = st.operation.tasks[1:]
}

// carryOut does what a task is for, and gives the state of its resource.
func (s *engine) carryOut(st *stack, t *task) (status string, err error) {
	switch t.action {
	case "CREATE", "UPDATE":
		return t.action + "_COMPLETE", s.put(st, t)
	case "REVERT":
		if was := st.operation.before.live[t.id]; was != nil {
			if now := st.live[t.id]; now.Type == resource.DatabaseType {
				if refusal := s.upgrade(now, was.Properties); refusal != "" {
					return "", errors.New(refusal)
				}
			}
			st.live[t.id] = was
		}
		return "UPDATE_COMPLETE", nil
	}
	l := st.live[t.id]
	if t.old != nil {
		l = t.old
	} else {
		delete(st.live, t.id)
		st.order = slices.DeleteFunc(st.order, func(id string) bool { return id == t.id })
	}
	switch {
	case l.Policy == "Retain" || slices.Contains(st.operation.retain, t.id):
		return "DELETE_SKIPPED", nil
	case l.Policy == "Snapshot":
		s.snapshots = append(s.snapshots, l.PhysicalID+"-snapshot")
	}
	if s.options.OnDelete != nil {
		s.options.OnDelete(*l)
	}
	return "DELETE_COMPLETE", nil
}

// put makes or changes a resource.
func (s *engine) put(st *stack, t *task) error {
	r := st.template.Resources[t.id]
	sc := s.scope(st, st.wanted, st.live, nil)
	properties, err := sc.Value(map[string]any(r.Properties))
	if err != nil {
		return err
	}
	metadata, err := sc.Value(map[string]any(r.Metadata))
	if err != nil {
		return err
	}
	fresh := s.make(st, t.id, r, properties.(map[string]any), metadata.(map[string]any))
	there := st.live[t.id]
	if there != nil && r.Type == resource.DatabaseType {
		if refusal := s.upgrade(there, fresh.Properties); refusal != "" {
			return errors.New(refusal)
		}
	}
	stays := there != nil && resource.Replacement(r.Type, there.Differ(fresh.Properties, fresh.Metadata)) == "False"
	if reason := s.taken(fresh); reason != "" && !stays {
		return errors.New(reason)
	}
	if reason := s.tried(st, t.id, fresh); reason != "" {
		return errors.New(reason)
	}
	if there == nil {
		st.order = append(st.order, t.id)
	} else if stays {
		fresh.PhysicalID, fresh.Attributes = there.PhysicalID, there.Attributes
		st.live[t.id] = fresh
		return nil
	} else {
		st.operation.tasks = slices.Insert(st.operation.tasks, len(st.operation.tasks)-1, task{action: "DELETE", id: t.id, old: there})
	}
	st.live[t.id] = fresh
	if s.options.OnCreate != nil {
		s.options.OnCreate(*fresh)
	}
	return nil
}

// tried says why IAM does not take a resource in the place of what there is.
func (s *engine) tried(st *stack, id string, fresh *resource.Live) string {
	there, is := st.live[id]
	if is && resource.Replacement(fresh.Type, there.Differ(fresh.Properties, fresh.Metadata)) == "False" {
		again := *fresh
		again.PhysicalID = there.PhysicalID
		fresh = &again
	}
	st.live[id] = fresh
	reason := s.rights.Misfit(fresh)
	if delete(st.live, id); is {
		st.live[id] = there
	}
	return reason
}

// fail goes on after a resource has failed: with a rollback, where there is one.
func (s *engine) fail(st *stack, t *task, _ string) {
	o := st.operation
	if t.action == "DELETE" && (o.kind == "UPDATE" || o.kind == "UPDATE_ROLLBACK") {
		s.leave(st, t)
		return
	}
	o.failed = append(o.failed, t.id)
	names := "[" + strings.Join(o.failed, ", ") + "]"
	switch o.kind {
	case "CREATE":
		next := &operation{kind: "ROLLBACK", token: o.token, judge: o.judge, tasks: deletions(st)}
		st.operation = nil
		s.beginWith(st, next, "The following resource(s) failed to create: "+names+". Rollback requested by user.")
	case "UPDATE":
		next := &operation{kind: "UPDATE_ROLLBACK", token: o.token, judge: o.judge, before: o.before}
		next.tasks = s.revert(st, o.before)
		st.operation = nil
		s.beginWith(st, next, "The following resource(s) failed to update: "+names+".")
	case "UPDATE_ROLLBACK":
		st.stuck, st.operation = o.before, nil
		s.becomeAs(st, o.token, "UPDATE_ROLLBACK_FAILED", "The following resource(s) failed to update: "+names+".")
	default: // the other resources are deleted all the same
		o.tasks = o.tasks[1:]
	}
}

// leave goes on after the cleanup of an update, or of its rollback, could not delete
// what is of no use any more: the service gives up on it, and it is outside the stack.
func (s *engine) leave(st *stack, t *task) {
	if t.old == nil {
		delete(st.live, t.id)
		st.order = slices.DeleteFunc(st.order, func(id string) bool { return id == t.id })
	}
	st.operation.tasks = st.operation.tasks[1:]
}

// beginWith starts a rollback for a reason.
func (s *engine) beginWith(st *stack, o *operation, reason string) {
	o.due = s.options.Now().Add(s.options.Step)
	st.operation = o
	s.become(st, o.kind+"_IN_PROGRESS", reason)
}

// becomeAs is become after the operation has ended.
func (s *engine) becomeAs(st *stack, token, status, reason string) {
	s.become(st, status, reason)
	st.events[len(st.events)-1].Token = token
}

// deletions are the tasks that delete everything, last made first.
func deletions(st *stack) []task {
	var out []task
	for _, id := range slices.Backward(st.order) {
		out = append(out, task{action: "DELETE", id: id})
	}
	return append(out, task{})
}

// revert are the tasks that undo an update.
func (s *engine) revert(st *stack, before *picture) []task {
	var out, added []task
	for _, id := range slices.Backward(st.order) {
		if was := before.live[id]; was == nil {
			added = append(added, task{action: "DELETE", id: id})
		} else if len(was.Differ(st.live[id].Properties, st.live[id].Metadata)) > 0 || was.Status != st.live[id].Status {
			out = append(out, task{action: "REVERT", id: id})
		}
	}
	out = append(out, task{action: "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"})
	return append(append(out, added...), task{})
}

// turn changes the stack's state: to the one named, or to that in which the
// operation ends.
func (s *engine) turn(st *stack, status string) {
	o := st.operation
	o.tasks = o.tasks[1:]
	if status != "" {
		s.become(st, status, "")
		return
	}
	status, reason := o.kind+"_COMPLETE", ""
	switch {
	case len(o.failed) > 0:
		status, reason = o.kind+"_FAILED", fmt.Sprintf("The following resource(s) failed to delete: [%s]. ", strings.Join(o.failed, ", "))
	case o.kind == "UPDATE_ROLLBACK":
		st.wanted, st.live, st.order, st.outputs, st.stuck = o.before.wanted, o.before.live, o.before.order, o.before.outputs, nil
	case o.kind == "CREATE" || o.kind == "UPDATE":
		outputs, err := s.evaluateOutputs(st)
		if err != nil {
			reason = err.Error()
		}
		st.outputs = outputs
	}
	st.operation = nil
	s.becomeAs(st, o.token, status, reason)
}
