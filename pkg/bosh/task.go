package bosh

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cloudfoundry/bosh-cli/v7/director"
)

// The states of a director task.
const (
	StateQueued     = "queued"
	StateProcessing = "processing"
	StateCancelling = "cancelling"
	StateDone       = "done"
	StateError      = "error"
	StateTimeout    = "timeout" // its worker is gone; written when someone asks
	StateCancelled  = "cancelled"
)

// Unfinished are the states of a task that a worker has or will have.
func Unfinished() []string { return []string{StateQueued, StateProcessing, StateCancelling} }

// Task is one job of the director.
type Task struct {
	ID          int       // 42
	State       string    // "processing", see StateQueued and the others
	Description string    // "create deployment"
	Result      string    // "/deployments/concourse", or an error cut at about 128 characters; "" until the end
	User        string    // "admin"
	Deployment  string    // "concourse"; "" for uploads
	ContextID   string    // what the request's X-Bosh-Context-Id said
	StartedAt   time.Time // zero until a worker took it
	FinishedAt  time.Time // zero until the end
}

// Finished says whether the task has ended, well or badly.
func (t Task) Finished() bool { return !slices.Contains(Unfinished(), t.State) }

// Succeeded says whether the task ended well.
func (t Task) Succeeded() bool { return t.State == StateDone }

// TaskFilter narrows a list of tasks; its zero value asks for all tasks that the
// director calls major (deploys and uploads, not the reading of VM vitals).
type TaskFilter struct {
	Deployment string   // "concourse"
	ContextID  string   // exact
	States     []string // StateDone, …
	// Limit bounds the answer to the newest by time, not by id: with 1 it may be
	// any of several tasks of one context id.
	Limit int
	All   bool // minor tasks too
}

// query is f as the director's API wants it.
func (f TaskFilter) query() url.Values {
	q := url.Values{"verbose": {"1"}}
	if f.All {
		q.Set("verbose", "2")
	}
	if f.Deployment != "" {
		q.Set("deployment", f.Deployment)
	}
	if f.ContextID != "" {
		q.Set("context_id", f.ContextID)
	}
	if len(f.States) > 0 {
		q.Set("state", strings.Join(f.States, ","))
	}
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	return q
}

// Task asks for one task. Its error is ErrNotFound if there is none.
func (c *Client) Task(ctx context.Context, id int) (Task, error) {
	answer, err := read(ctx, c, func(d director.Client) (director.TaskResp, error) { return d.Task(id) })
	if err != nil {
		return Task{}, err
	}
	return newTask(answer)
}

// Tasks lists tasks by id, oldest first. A real director v283.1.6 sorts by the
// time of their end, so that a twin of a task may come before or after it.
func (c *Client) Tasks(ctx context.Context, filter TaskFilter) ([]Task, error) {
	answers, err := get[[]director.TaskResp](ctx, c, "/tasks?"+filter.query().Encode())
	if err != nil {
		return nil, err
	}
	tasks := make([]Task, 0, len(answers))
	for _, answer := range answers {
		task, err := newTask(answer)
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, task)
	}
	slices.SortFunc(tasks, func(a, b Task) int { return cmp.Compare(a.ID, b.ID) })
	return tasks, nil
}

// TaskResult reads what a task put out as its result: JSON lines for instances,
// nothing for a deploy.
func (c *Client) TaskResult(ctx context.Context, id int) ([]byte, error) {
	k := c.call(ctx)
	body, _, err := k.request().RawGet(fmt.Sprintf("/tasks/%d/output?type=result", id), nil, nil) //nolint:bodyclose // the library closes it
	return body, k.explain(err)
}

// newTask reads a task of the API. The API's "timestamp" is the end only of a
// finished task: a cancelling one has the time at which it was enqueued there.
func newTask(r director.TaskResp) (Task, error) {
	if r.ID <= 0 || r.State == "" {
		return Task{}, fmt.Errorf("read a task from the director's answer: id or state is missing")
	}
	task := Task{
		ID: r.ID, State: r.State, Description: r.Description, Result: r.Result,
		User: r.User, Deployment: r.Deployment, ContextID: r.ContextId,
		StartedAt: unix(r.StartedAt),
	}
	if task.Finished() {
		task.FinishedAt = unix(r.FinishedAt)
	}
	return task, nil
}

// unix is the time of a timestamp; null, which decodes to 0, is not a time.
func unix(seconds int64) time.Time {
	if seconds <= 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
