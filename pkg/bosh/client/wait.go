package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/bosh/transport"
)

// lastLooks is how often the end of the event log of a finished task is asked
// for before Wait does without it.
const lastLooks = 3

// Wait watches a task until it has finished and tells report, which may be nil,
// its events as they come. It looks every Config.Poll and survives outages of the director
// until ctx ends; only a refusal ends it earlier. A task that has failed is not an error of
// Wait: ask bosh.Task.Succeeded. The end of ctx leaves the task alone, as the error then says.
func (c *Client) Wait(ctx context.Context, id int, report func(bosh.Event)) (bosh.Task, error) {
	if report == nil {
		report = func(bosh.Event) {}
	}
	w := &watch{client: c, id: id, report: report}
	for {
		finished, err := w.look(ctx)
		if finished || err != nil {
			return w.task, err
		}
		timer := time.NewTimer(c.poll)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return w.task, w.abandon(ctx.Err())
		}
	}
}

// watch is the state of one Wait.
type watch struct {
	client *Client
	id     int
	report func(bosh.Event)
	task   bosh.Task
	offset int64 // in the event log
	out    bool  // the director was out of reach the last time
	missed int   // looks at the log of a finished task that failed
}

// look asks for the task and its news once. The events come after the state, so
// that those of a finished task are complete.
func (w *watch) look(ctx context.Context) (finished bool, err error) {
	task, err := w.client.Task(ctx, w.id)
	if err != nil {
		return false, w.tolerate(ctx, err)
	}
	w.task = task
	events, next, err := w.client.TaskEvents(ctx, w.id, w.offset)
	for _, event := range events {
		w.report(event)
	}
	w.offset = next
	switch {
	case err == nil:
		w.recover()
		return task.Finished(), nil
	case task.Finished() && ctx.Err() == nil:
		w.missed++
		return w.missed >= lastLooks, nil
	}
	return false, w.tolerate(ctx, err)
}

// tolerate swallows the error of an outage and passes on any other.
func (w *watch) tolerate(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return w.abandon(ctx.Err())
	}
	if !transport.Outage(err) {
		if errors.Is(err, bosh.ErrNotFound) {
			return fmt.Errorf("wait for director task %d: %w", w.id, err)
		}
		return w.abandon(err)
	}
	if !w.out {
		w.out = true
		w.client.wire.Notify(fmt.Sprintf("director task %d: the director does not answer (%v); asking on, the task does not need us", w.id, err))
	}
	return nil
}

// recover ends an outage.
func (w *watch) recover() {
	if w.out {
		w.out = false
		w.client.wire.Notify(fmt.Sprintf("director task %d: the director answers again", w.id))
	}
}

// abandon is the error of a wait that ends before the task.
func (w *watch) abandon(err error) error {
	return fmt.Errorf("wait for director task %d: %w; director task %d keeps running", w.id, err, w.id)
}
