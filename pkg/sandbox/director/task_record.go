package director

import "github.com/perpetual-ci/perpetual/pkg/sandbox/director/store"

import "strconv"

// record appends an entry of a task.
func (j *job) record(e store.Event) string {
	j.queue.Lock()
	defer j.queue.Unlock()
	if j.task.frozen {
		return ""
	}
	e.User, e.Task, e.Deployment = j.task.user, strconv.Itoa(j.task.id), j.task.deployment
	return j.queue.AddEvent(e)
}

// around records the begin and the end of what run does.
func (j *job) around(e store.Event, run func() (name string, err error)) error {
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

// effect notes an effect of a task. The caller holds the lock.
func (j *job) effect(kind, name string) {
	j.queue.AddEffect(store.Effect{Kind: kind, Name: name, Task: j.task.id, ContextID: j.task.contextID, User: j.task.user})
}
