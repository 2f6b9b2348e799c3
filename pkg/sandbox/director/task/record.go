package task

import (
	"strconv"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/store"
)

// record appends an entry of a task.
func (j *Job) record(e store.Event) string {
	j.queue.Lock()
	defer j.queue.Unlock()
	if j.Task.frozen {
		return ""
	}
	e.User, e.Task, e.Deployment = j.Task.User, strconv.Itoa(j.Task.ID), j.Task.Deployment
	return j.queue.AddEvent(e)
}

// Around records the begin and the end of what run does.
func (j *Job) Around(e store.Event, run func() (name string, err error)) error {
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

// Effect notes an effect of a task. The caller holds the lock.
func (j *Job) Effect(kind, name string) {
	j.queue.AddEffect(store.Effect{Kind: kind, Name: name, Task: j.Task.ID, ContextID: j.Task.ContextID, User: j.Task.User})
}
