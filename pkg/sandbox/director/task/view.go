package task

import (
	"context"
	"fmt"
	"time"
)

// Tasks lists all tasks by id. Unlike a request it makes no timeout of a task.
func (q *Queue) Tasks() []Task {
	q.Lock()
	defer q.Unlock()
	all := make([]Task, 0, len(q.tasks))
	for _, t := range q.tasks {
		all = append(all, t.view())
	}
	return all
}

// Events gives the event log of a task as it is now.
func (q *Queue) Events(id int) string {
	q.Lock()
	defer q.Unlock()
	t := q.find(id)
	if t == nil {
		return ""
	}
	return t.events.String()
}

// Wait waits for the end of a task. It fails when ctx ends first, or when there is no such task.
func (q *Queue) Wait(ctx context.Context, id int) (Task, error) {
	q.Lock()
	t := q.find(id)
	q.Unlock()
	if t == nil {
		return Task{}, fmt.Errorf("wait for task %d: no such task", id)
	}
	select {
	case <-ctx.Done():
		return Task{}, fmt.Errorf("wait for task %d: %w", id, ctx.Err())
	case <-t.done:
	}
	q.Lock()
	defer q.Unlock()
	return t.view(), nil
}

// Ended is when a task ended; zero where it has not, or where there is no such task.
func (q *Queue) Ended(id int) time.Time {
	q.Lock()
	defer q.Unlock()
	if t := q.find(id); t != nil && t.finished() {
		return t.timestamp
	}
	return time.Time{}
}
