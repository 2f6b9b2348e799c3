package client

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

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/bosh/transport"
)

// taskQuery is f as the director's API wants it.
func taskQuery(f bosh.TaskFilter) url.Values {
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

// Task asks for one task. Its error is bosh.ErrNotFound if there is none.
func (c *Client) Task(ctx context.Context, id int) (bosh.Task, error) {
	answer, err := transport.Read(ctx, c.wire, func(d director.Client) (director.TaskResp, error) { return d.Task(id) })
	if err != nil {
		return bosh.Task{}, err
	}
	return newTask(answer)
}

// Tasks lists tasks by id, oldest first. A real director v283.1.6 sorts by the
// time of their end, so that a twin of a task may come before or after it.
func (c *Client) Tasks(ctx context.Context, filter bosh.TaskFilter) ([]bosh.Task, error) {
	answers, err := transport.Get[[]director.TaskResp](ctx, c.wire, "/tasks?"+taskQuery(filter).Encode())
	if err != nil {
		return nil, err
	}
	tasks := make([]bosh.Task, 0, len(answers))
	for _, answer := range answers {
		task, err := newTask(answer)
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, task)
	}
	slices.SortFunc(tasks, func(a, b bosh.Task) int { return cmp.Compare(a.ID, b.ID) })
	return tasks, nil
}

// TaskResult reads what a task put out as its result: JSON lines for instances,
// nothing for a deploy.
func (c *Client) TaskResult(ctx context.Context, id int) ([]byte, error) {
	k := c.wire.Call(ctx)
	body, _, err := k.Request().RawGet(fmt.Sprintf("/tasks/%d/output?type=result", id), nil, nil) //nolint:bodyclose // the library closes it
	return body, k.Explain(err)
}

// newTask reads a task of the API. The API's "timestamp" is the end only of a
// finished task: a cancelling one has the time at which it was enqueued there.
func newTask(r director.TaskResp) (bosh.Task, error) {
	if r.ID <= 0 || r.State == "" {
		return bosh.Task{}, fmt.Errorf("read a task from the director's answer: id or state is missing")
	}
	task := bosh.Task{
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
