// Package verify finds out what became of a deploy and whether it is good: the task is done,
// the instances run, Concourse has the wanted version, its workers run, and what a quiet
// upgrade has paused runs again.
package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/boshrelease"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/inventory"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/task"
)

// defaultVerifyTimeout bounds in where params.timeout does not.
const defaultVerifyTimeout = 30 * time.Minute

// Director is what this package asks of a BOSH director.
type Director interface {
	task.Director
	// Events gives the events of a task so far.
	Events(ctx context.Context, id int) ([]bosh.Event, error)
	// Wait returns when the task has ended, or with an error when ctx has. It
	// never cancels the task.
	Wait(ctx context.Context, id int, report func(bosh.Event)) (bosh.Task, error)
	// Deployment fails with bosh.ErrNotFound for a deployment that does not exist.
	Deployment(ctx context.Context, name string) (bosh.Deployment, error)
	// Instances asks the agents, so it takes as long as they do.
	Instances(ctx context.Context, name string) ([]bosh.Instance, error)
	// Logs fetches the logs of an instance's jobs, by file: "gate/post-start.stdout.log".
	Logs(ctx context.Context, deployment, group, id string, files ...string) (map[string][]byte, error)
}

// ATC is what this package asks of the Concourse API.
type ATC interface {
	Info(ctx context.Context) (concourse.Info, error)
	Workers(ctx context.Context) ([]concourse.Worker, error)
}

// Verification finds out what became of a deploy and, when asked to, whether it is good.
type Verification struct {
	Director Director
	ATC      ATC // nil where the source has no concourse section
	// Concourse is the same API where it concerns all teams; nil as ATC is.
	Concourse pause.ATC
	// Keepers are where a list of paused pipelines may be.
	Keepers []pause.Keeper
	// Sets is where the put has kept the component set; nil where there is none.
	Sets inventory.SetKeeper
	// Set is the component set where the caller knows it.
	Set []component.Component
	// IgnoreSet are those of Set that the manifest need not take, as IgnoreKey has them.
	IgnoreSet []string
	IgnoreKey inventory.IgnoreKey
	Log       io.Writer
	Debug     *slog.Logger // gets why the task was judged as it was; nil: nothing is logged
	// Settle is how long the ATC and the workers may take to be as wanted after
	// the task has ended; 0 is 5 minutes.
	Settle time.Duration
	Poll   time.Duration // between two looks; 0 is 2 s
}

// Request says which deploy is looked at.
type Request struct {
	Deployment string // "concourse"
	Task       int    // 42; 0 for a deployment whose task the director has forgotten
	Judge      bool   // wait for its end, and fail unless it is good
	Timeout    time.Duration
	// Over is what it fails with when the time is over; nil names params.timeout.
	Over error
}

// Run finds out what became of a deploy. With Judge it fails unless that is good; what it
// has found is there all the same, for a look from inside the container. It is nil where
// nothing could be found out.
func (v Verification) Run(ctx context.Context, req Request) (*Facts, error) {
	timeout := cmp.Or(req.Timeout, defaultVerifyTimeout)
	over := req.Over
	if over == nil {
		over = fmt.Errorf("params.timeout of %s is over", timeout)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, over)
	defer cancel()
	if v.Debug == nil {
		v.Debug = slog.New(slog.DiscardHandler)
	}
	f, err := v.gather(ctx, req)
	if err != nil {
		return nil, retry.Because(ctx, err)
	}
	if !req.Judge {
		return f, nil
	}
	verdict := v.verify(ctx, f)
	if err := also(verdict, v.resume(ctx, f, verdict)); err != nil {
		return f, fmt.Errorf("verify deployment %s: %w", req.Deployment, err)
	}
	return f, nil
}

// gather reads the director. With verify it waits for a task that still runs.
func (v Verification) gather(ctx context.Context, req Request) (*Facts, error) {
	f := &Facts{Deployment: req.Deployment}
	var err error
	if f.Task, err = v.task(ctx, req); err != nil {
		return nil, err
	}
	if f.Task.ID != 0 {
		if f.Events, err = v.Director.Events(ctx, f.Task.ID); err != nil {
			return nil, fmt.Errorf("read events of director task %d: %w", f.Task.ID, err)
		}
	}
	if f.Deployed, err = v.Director.Deployment(ctx, req.Deployment); err != nil {
		return nil, fmt.Errorf("read deployment %s: %w", req.Deployment, err)
	}
	// While a deploy runs, the agents would be asked through the same workers.
	if f.Task.Finished() {
		f.Instances, err = v.Director.Instances(ctx, req.Deployment)
		switch {
		case err != nil && f.Task.State == bosh.StateDone:
			return nil, err
		case err != nil: // why the task failed matters more
			_, _ = fmt.Fprintf(v.Log, "the instances cannot be read: %v\n", err)
		}
	}
	if failure, failed := task.Fail(f.Events); failed && f.Task.Finished() && f.Task.State != bosh.StateDone {
		if lines := v.gateSays(ctx, req.Deployment, failure); len(lines) > 0 {
			failure.Says = lines[len(lines)-1]
			_, _ = fmt.Fprintf(v.Log, "the log of the job %s:\n  %s\n", boshrelease.GateJob, strings.Join(lines, "\n  "))
		}
		f.Failure = &failure
	}
	return f, nil
}

// task reads the task; 0 stands for a deployment whose task the director has forgotten.
func (v Verification) task(ctx context.Context, req Request) (bosh.Task, error) {
	id := req.Task
	if id == 0 {
		return bosh.DeployTask(req.Deployment), nil
	}
	found, err := v.Director.Task(ctx, id)
	if errors.Is(err, bosh.ErrNotFound) {
		return bosh.Task{}, fmt.Errorf("read director task %d: the director has forgotten it, or counts its tasks from 1 again; run check for a later one", id)
	}
	if err != nil {
		return bosh.Task{}, fmt.Errorf("read director task %d: %w", id, err)
	}
	if !found.IsDeploy() || !found.IsOf(req.Deployment) {
		return bosh.Task{}, fmt.Errorf("director task %d is %s, not a deploy of %s: a director that was rebuilt or restored counts its tasks from 1 again; run check for its newest deploy",
			id, found.Kind(req.Deployment), req.Deployment)
	}
	if !req.Judge {
		return found, nil
	}
	if found, err = v.end(ctx, found); err != nil || found.State == bosh.StateDone || found.ContextID == "" {
		return found, err
	}
	return v.twin(ctx, found)
}

// end waits for the end of a task.
func (v Verification) end(ctx context.Context, t bosh.Task) (bosh.Task, error) {
	if t.Finished() {
		return t, nil
	}
	_, _ = fmt.Fprintf(v.Log, "director task %d is %s: waiting for its end\n", t.ID, t.State)
	ended, err := v.Director.Wait(ctx, t.ID, task.Progress(v.Log))
	if err != nil && ended.State == bosh.StateQueued {
		err = fmt.Errorf("%w; no worker has taken it: if the director has free ones, none will: %s, and put again", err, t.Unqueue())
	}
	return ended, err
}

// twin looks for another task of the same attempt, which there is when the
// director got a deploy twice. If one of them is done, the attempt is.
func (v Verification) twin(ctx context.Context, failed bosh.Task) (bosh.Task, error) {
	tasks, err := v.Director.Tasks(ctx, bosh.TaskFilter{ContextID: failed.ContextID, All: true})
	if err != nil {
		return failed, fmt.Errorf("list the tasks of director task %d's attempt: %w", failed.ID, err)
	}
	tasks = slices.DeleteFunc(task.ByID(tasks), func(t bosh.Task) bool {
		return t.ID == failed.ID || t.Deployment != failed.Deployment || t.Overtaken(append([]bosh.Task{failed}, tasks...))
	})
	// One that is done decides, whatever the others come to.
	slices.SortStableFunc(tasks, func(a, b bosh.Task) int { return cmp.Compare(decides(a), decides(b)) })
	for _, t := range tasks {
		if t, err = v.end(ctx, t); err != nil {
			return failed, err
		}
		v.Debug.DebugContext(ctx, "twin judged", "task", failed.ID, "twin", t.ID, "state", t.State, "context", t.ContextID, "lost the lock", t.LostLock())
		if t.State == bosh.StateDone {
			_, _ = fmt.Fprintf(v.Log, "director task %d ended as %s, but task %d of the same attempt is done\n", failed.ID, failed.State, t.ID)
			return t, nil
		}
		if failed.LostLock() && !t.LostLock() {
			failed = t // it tells more
		}
	}
	return failed, nil
}

// decides is 0 for a task that is done, else 1.
func decides(t bosh.Task) int {
	if t.State == bosh.StateDone {
		return 0
	}
	return 1
}
