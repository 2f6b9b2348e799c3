// Package deletion has a director delete the deployment of an installation.
package deletion

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

// Director is the director that has the deployment.
type Director interface {
	// DeleteDeployment starts the task; it fails with bosh.ErrNotFound.
	DeleteDeployment(ctx context.Context, name, contextID string) (task int, err error)
	// Tasks lists the tasks that a filter lets through.
	Tasks(ctx context.Context, filter bosh.TaskFilter) ([]bosh.Task, error)
	// Wait waits for the end of a task, and tells of its events.
	Wait(ctx context.Context, id int, told func(bosh.Event)) (bosh.Task, error)
	// CleanUp starts the task that deletes what no deployment uses, orphaned disks too.
	CleanUp(ctx context.Context) (task int, err error)
}

// Deployment is one that is deleted, with every VM that the director has made for it.
type Deployment struct {
	Director  Director
	Name      string // "concourse"
	ContextID string // by which the deletion is found again: "perpetual-destroy-ci"
	// CleansUp also deletes what the director keeps for a while. On a director that was
	// there before, others may have disks to keep.
	CleansUp bool
	Note     func(line string)
}

// Submit joins the deletion that an earlier run has begun, or begins one. One whose answer
// was lost is found again by its context id. It fails with bosh.ErrNotFound where there is
// no deployment.
func (d Deployment) Submit(ctx context.Context) (task int, err error) {
	if task, err = d.running(ctx); err != nil || task != 0 {
		return task, err
	}
	task, err = d.Director.DeleteDeployment(ctx, d.Name, d.ContextID)
	if !errors.Is(err, bosh.ErrUncertain) {
		return task, err
	}
	if found, lookErr := d.running(ctx); lookErr == nil && found != 0 {
		return found, nil
	}
	return 0, fmt.Errorf("%w; whether the director deletes it is not known: run destroy again", err)
}

// running is the task of a deletion that is under way; 0 without one.
func (d Deployment) running(ctx context.Context) (int, error) {
	tasks, err := d.Director.Tasks(ctx, bosh.TaskFilter{ContextID: d.ContextID, All: true})
	if err != nil {
		return 0, err
	}
	for _, t := range tasks {
		if !t.Finished() {
			return t.ID, nil
		}
	}
	return 0, nil
}

// Wait waits until a deletion has ended, and cleans up.
func (d Deployment) Wait(ctx context.Context, task int) error {
	d.Note(fmt.Sprintf("director task %d deletes deployment %s", task, d.Name))
	ended, err := d.Director.Wait(ctx, task, d.event)
	if err != nil {
		return fmt.Errorf("wait for director task %d, which keeps running: %w", task, err)
	}
	if ended.State != bosh.StateDone {
		return fmt.Errorf("director task %d, the deletion of %s, ended as %s: %s", task, d.Name, ended.State, strings.TrimSpace(ended.Result))
	}
	if !d.CleansUp {
		return nil
	}
	return d.cleanUp(ctx)
}

// cleanUp has the director delete the disks that the deletion of a deployment leaves
// for a while: with the director nobody would know them any more.
func (d Deployment) cleanUp(ctx context.Context) error {
	task, err := d.Director.CleanUp(ctx)
	if err != nil {
		return fmt.Errorf("have the director delete what it keeps for a while: %w", err)
	}
	ended, err := d.Director.Wait(ctx, task, d.event)
	if err != nil {
		return fmt.Errorf("wait for director task %d, which keeps running: %w", task, err)
	}
	if ended.State != bosh.StateDone {
		return fmt.Errorf("director task %d, which deletes what is kept for a while, ended as %s: %s", task, ended.State, strings.TrimSpace(ended.Result))
	}
	return nil
}

// event notes an event of a director task.
func (d Deployment) event(e bosh.Event) {
	if e.Type == "" && (e.State == "started" || e.State == "failed") {
		d.Note(fmt.Sprintf("%s: %s %s", e.Stage, e.Task, e.State))
	}
}
