package upgrade

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
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// defaultVerifyTimeout bounds in where params.timeout does not.
const defaultVerifyTimeout = 30 * time.Minute

// In fetches what is known of a deploy, and verifies it when asked to.
type In struct {
	Director Director
	ATC      ATC // nil where the source has no concourse section
	// Concourse is the same API where it concerns all teams; nil as ATC is.
	Concourse Concourse
	// Keepers are where a list of paused pipelines may be.
	Keepers []pause.Keeper
	// Sets is where the put has kept the component set; nil where there is none.
	Sets SetKeeper
	// Set is the component set where the caller knows it.
	Set []component.Component
	// IgnoreSet are those of Set that the manifest need not take, as IgnoreKey has them.
	IgnoreSet []string
	IgnoreKey IgnoreKey
	Log       io.Writer
	Debug     *slog.Logger // gets why the task was judged as it was; nil: nothing is logged
	// Settle is how long the ATC and the workers may take to be as wanted after
	// the task has ended; 0 is 5 minutes.
	Settle time.Duration
	Poll   time.Duration // between two looks; 0 is 2 s
}

// Run writes task.json, events.jsonl, manifest.yml, instances.json and
// report.md into dir. With params.verify it fails unless the deploy is good;
// the files are there all the same, for a look from inside the container.
func (in In) Run(ctx context.Context, req resource.InRequest, dir string) (resource.Result, error) {
	id, err := req.Version.Task()
	if err != nil {
		return resource.Result{}, err
	}
	timeout := req.Params.Timeout.Duration
	if timeout == 0 {
		timeout = defaultVerifyTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("params.timeout of %s is over", timeout))
	defer cancel()

	f, err := in.gather(ctx, req, id)
	if err != nil {
		return resource.Result{}, because(ctx, err)
	}
	var verdict error
	if req.Params.Verify {
		verdict = in.verify(ctx, req.Source, f)
		verdict = also(verdict, in.resume(ctx, req, f, verdict))
	}
	if err := f.write(dir, req.Source.Deployment); err != nil {
		return resource.Result{}, err
	}
	if verdict != nil {
		return resource.Result{}, fmt.Errorf("verify deployment %s: %w", req.Source.Deployment, verdict)
	}
	return f.result(req.Version), nil
}

// Verify is Run with params.verify for a caller that wants no files: what is deployed
// holds credentials.
func (in In) Verify(ctx context.Context, req resource.InRequest) error {
	id, err := req.Version.Task()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, cmp.Or(req.Params.Timeout.Duration, defaultVerifyTimeout), errors.New("the time for the verification is over"))
	defer cancel()
	f, err := in.gather(ctx, req, id)
	if err != nil {
		return err
	}
	verdict := in.verify(ctx, req.Source, f)
	if err := also(verdict, in.resume(ctx, req, f, verdict)); err != nil {
		return fmt.Errorf("verify deployment %s: %w", req.Source.Deployment, err)
	}
	return nil
}

// gather reads the director. With verify it waits for a task that still runs.
func (in In) gather(ctx context.Context, req resource.InRequest, id int) (*facts, error) {
	f := &facts{}
	var err error
	if f.Task, err = in.task(ctx, req, id); err != nil {
		return nil, err
	}
	if f.Task.ID != 0 {
		if f.Events, err = in.Director.Events(ctx, f.Task.ID); err != nil {
			return nil, fmt.Errorf("read events of director task %d: %w", f.Task.ID, err)
		}
	}
	if f.Deployed, err = in.Director.Deployment(ctx, req.Source.Deployment); err != nil {
		return nil, fmt.Errorf("read deployment %s: %w", req.Source.Deployment, err)
	}
	// While a deploy runs, the agents would be asked through the same workers.
	if f.Task.Finished() {
		f.Instances, err = in.Director.Instances(ctx, req.Source.Deployment)
		switch {
		case err != nil && f.Task.State == bosh.StateDone:
			return nil, err
		case err != nil: // why the task failed matters more
			_, _ = fmt.Fprintf(in.Log, "the instances cannot be read: %v\n", err)
		}
	}
	if failure, failed := Fail(f.Events); failed && f.Task.Finished() && f.Task.State != bosh.StateDone {
		if lines := in.gateSays(ctx, req.Source.Deployment, failure); len(lines) > 0 {
			failure.Says = lines[len(lines)-1]
			_, _ = fmt.Fprintf(in.Log, "the log of the job %s:\n  %s\n", boshrelease.GateJob, strings.Join(lines, "\n  "))
		}
		f.Failure = &failure
	}
	return f, nil
}

// task reads the task; 0 stands for a deployment whose task the director has forgotten.
func (in In) task(ctx context.Context, req resource.InRequest, id int) (bosh.Task, error) {
	if id == 0 {
		return bosh.DeployTask(req.Source.Deployment), nil
	}
	task, err := in.Director.Task(ctx, id)
	if errors.Is(err, bosh.ErrNotFound) {
		return bosh.Task{}, fmt.Errorf("read director task %d: the director has forgotten it, or counts its tasks from 1 again; run check for a later one", id)
	}
	if err != nil {
		return bosh.Task{}, fmt.Errorf("read director task %d: %w", id, err)
	}
	if !task.IsDeploy() || !task.IsOf(req.Source.Deployment) {
		return bosh.Task{}, fmt.Errorf("director task %d is %s, not a deploy of %s: a director that was rebuilt or restored counts its tasks from 1 again; run check for its newest deploy",
			id, task.Kind(req.Source.Deployment), req.Source.Deployment)
	}
	if !req.Params.Verify {
		return task, nil
	}
	if task, err = in.end(ctx, task); err != nil || task.State == bosh.StateDone || task.ContextID == "" {
		return task, err
	}
	return in.twin(ctx, task)
}

// end waits for the end of a task.
func (in In) end(ctx context.Context, task bosh.Task) (bosh.Task, error) {
	if task.Finished() {
		return task, nil
	}
	_, _ = fmt.Fprintf(in.Log, "director task %d is %s: waiting for its end\n", task.ID, task.State)
	ended, err := in.Director.Wait(ctx, task.ID, Out{Log: in.Log}.progress)
	if err != nil && ended.State == bosh.StateQueued {
		err = fmt.Errorf("%w; no worker has taken it: if the director has free ones, none will: %s, and put again", err, task.Unqueue())
	}
	return ended, err
}

// twin looks for another task of the same attempt, which there is when the
// director got a deploy twice. If one of them is done, the attempt is.
func (in In) twin(ctx context.Context, failed bosh.Task) (bosh.Task, error) {
	tasks, err := in.Director.Tasks(ctx, bosh.TaskFilter{ContextID: failed.ContextID, All: true})
	if err != nil {
		return failed, fmt.Errorf("list the tasks of director task %d's attempt: %w", failed.ID, err)
	}
	tasks = slices.DeleteFunc(byID(tasks), func(t bosh.Task) bool {
		return t.ID == failed.ID || t.Deployment != failed.Deployment || t.Overtaken(append([]bosh.Task{failed}, tasks...))
	})
	// One that is done decides, whatever the others come to.
	slices.SortStableFunc(tasks, func(a, b bosh.Task) int { return cmp.Compare(decides(a), decides(b)) })
	for _, t := range tasks {
		if t, err = in.end(ctx, t); err != nil {
			return failed, err
		}
		tell(ctx, in.Debug, "twin judged", "task", failed.ID, "twin", t.ID, "state", t.State, "context", t.ContextID, "lost the lock", t.LostLock())
		if t.State == bosh.StateDone {
			_, _ = fmt.Fprintf(in.Log, "director task %d ended as %s, but task %d of the same attempt is done\n", failed.ID, failed.State, t.ID)
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
