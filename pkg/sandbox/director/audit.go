package director

import (
	"crypto/rand"
	"fmt"
	"strconv"
)

// auditEvent is an entry of GET /events, the director's record of who changed what.
type auditEvent struct {
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

// bootEvents records what a director records when it starts.
func (d *Director) bootEvents() {
	for i := range d.workers {
		d.addEvent(auditEvent{User: "_director", Action: "start", ObjectType: "worker", ObjectName: fmt.Sprintf("worker_%d", i)})
	}
	d.addEvent(auditEvent{User: "_director", Action: "start", ObjectType: "director", ObjectName: d.opts.UUID,
		Context: map[string]any{"version": d.opts.Version}})
}

// addEvent appends an entry and gives its id. The caller holds mu.
func (d *Director) addEvent(e auditEvent) string {
	e.ID = strconv.Itoa(d.next("event"))
	e.Timestamp = d.now().Unix()
	if e.Context == nil {
		e.Context = map[string]any{}
	}
	d.audit = append(d.audit, e)
	return e.ID
}

// record appends an entry of a task.
func (j *job) record(e auditEvent) string {
	j.d.mu.Lock()
	defer j.d.mu.Unlock()
	if j.task.frozen {
		return ""
	}
	e.User, e.Task, e.Deployment = j.task.user, strconv.Itoa(j.task.id), j.task.deployment
	return j.d.addEvent(e)
}

// around records the begin and the end of what run does.
func (j *job) around(e auditEvent, run func() (name string, err error)) error {
	e.ParentID = j.record(e)
	name, err := run()
	if name != "" {
		e.ObjectName = name
	}
	if err != nil {
		e.Error = j.named(err).Error()
	}
	e.Context = nil
	j.record(e)
	return err
}

// listEvents answers GET /events, newest first, at most 200.
func (d *Director) listEvents(c *call) {
	d.mu.Lock()
	defer d.mu.Unlock()
	found := []auditEvent{}
	for i := len(d.audit) - 1; i >= 0 && len(found) < 200; i-- {
		e := d.audit[i]
		fields := map[string]string{
			"deployment": e.Deployment, "task": e.Task, "instance": e.Instance, "user": e.User,
			"action": e.Action, "object_type": e.ObjectType, "object_name": e.ObjectName,
		}
		matches := true
		for key, value := range fields {
			matches = matches && (!c.query.Has(key) || c.query.Get(key) == value)
		}
		if matches {
			found = append(found, e)
		}
	}
	c.json(found)
}

// newUUID is a random UUID of version 4.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
