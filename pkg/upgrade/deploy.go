package upgrade

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// What became of a deploy.
const (
	noteStarted = "started"
	noteJoined  = "joined: it was running already"
	noteNothing = "nothing to deploy"
)

// recentTasks is how many finished tasks are looked at for the last deploy.
const recentTasks = 50

// acceptance is how long a task is looked for after its reply was lost.
const acceptance = 30 * time.Second

// contextID identifies the operation: this content on this deployment. It is on
// the director's task, so that whoever runs this again finds it.
func (r *run) contextID() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{
		r.Source.Deployment, r.digest,
		strconv.FormatBool(r.Params.Recreate), strconv.FormatBool(r.Params.Fix),
	}, "\x00")))
	return fmt.Sprintf("perpetual-%x", sum[:20])
}

// deploy compares with what is deployed and submits the manifest, unless the
// same content is being deployed or is deployed.
func (o Out) deploy(ctx context.Context, r *run) (string, error) {
	joined, err := o.settle(ctx, r)
	if err != nil {
		return "", err
	}
	if joined != 0 {
		r.answer = answer{task: joined, note: noteJoined}
		return fmt.Sprintf("director task %d deploys the same content already", joined), nil
	}
	last, err := o.lastTask(ctx, r.Source.Deployment)
	if err != nil {
		return "", err
	}
	diff, err := o.Director.Diff(ctx, r.Source.Deployment, r.manifest)
	if err != nil {
		return "", fmt.Errorf("compare manifest: %w", err)
	}
	forced := r.Params.Recreate || r.Params.Fix
	failedBefore := last.ID != 0 && last.State != StateDone
	if !diff.Changed() && !forced && !failedBefore {
		r.answer = answer{task: last.ID, note: noteNothing}
		return "nothing has changed, so nothing is started", nil
	}
	if failedBefore && !diff.Changed() {
		o.say("director task %d, the last deploy, ended as %s: deploying again", last.ID, last.State)
	}
	o.print(diff.Lines)
	id, err := o.submit(ctx, r, diff, last.ID)
	if err != nil {
		return "", err
	}
	r.answer = answer{task: id, note: noteStarted}
	return fmt.Sprintf("the director has accepted it as task %d", id), nil
}

// settle waits until nothing else deploys, and gives the task that deploys the
// same content, if there is one.
func (o Out) settle(ctx context.Context, r *run) (joined int, err error) {
	limit := r.Params.LockTimeout.Duration
	if limit == 0 {
		limit = defaultLockTimeout
	}
	deadline := time.Now().Add(limit)
	for waited := false; ; waited = true {
		joined, holder, err := o.running(ctx, r)
		if err != nil || joined != 0 {
			return joined, err
		}
		if holder == "" {
			if waited { // what is deployed has changed meanwhile
				return 0, o.observe(ctx, r)
			}
			return 0, nil
		}
		if time.Now().After(deadline) {
			return 0, fmt.Errorf("%s still holds deployment %s after %s; it keeps running; put again when it has ended, or set params.lock_timeout", holder, r.Source.Deployment, limit)
		}
		if !waited {
			o.say("waiting up to %s for %s to end", limit, holder)
		}
		if err := pause(ctx, o.poll()); err != nil {
			return 0, fmt.Errorf("wait for %s, which keeps running: %w", holder, err)
		}
	}
}

// running looks for tasks that deploy: our own content, or another holder.
func (o Out) running(ctx context.Context, r *run) (joined int, holder string, err error) {
	tasks, err := o.Director.Tasks(ctx, TaskFilter{
		Deployment: r.Source.Deployment, States: []string{StateQueued, StateProcessing, StateCancelling}, All: true,
	})
	if err != nil {
		return 0, "", fmt.Errorf("list running tasks: %w", err)
	}
	for _, t := range tasks {
		if t.ContextID == r.contextID() && t.State != StateCancelling {
			return t.ID, "", nil
		}
	}
	for _, t := range tasks {
		if strings.HasPrefix(t.Description, deployDescription) || strings.HasPrefix(t.Description, "delete deployment") {
			return 0, fmt.Sprintf("director task %d (%s by %s, %s)", t.ID, t.Description, t.User, t.State), nil
		}
	}
	locks, err := o.Director.Locks(ctx)
	if err != nil {
		return 0, "", fmt.Errorf("list locks: %w", err)
	}
	for _, l := range locks {
		if l.Type == "deployment" && l.Resource == r.Source.Deployment {
			return 0, fmt.Sprintf("director task %s (lock of the deployment)", l.TaskID), nil
		}
	}
	return 0, "", nil
}

// lastTask is the finished deploy task with the highest id; the zero Task if
// the director remembers none.
func (o Out) lastTask(ctx context.Context, deployment string) (Task, error) {
	return lastDeploy(ctx, o.Director, deployment)
}

func lastDeploy(ctx context.Context, director Tasks, deployment string) (Task, error) {
	tasks, err := finishedDeploys(ctx, director, deployment)
	if err != nil || len(tasks) == 0 {
		return Task{}, err
	}
	return tasks[len(tasks)-1], nil
}

// submit sends the deploy once. When the answer is lost, the director's tasks
// tell whether it was accepted.
func (o Out) submit(ctx context.Context, r *run, diff Diff, after int) (int, error) {
	id, err := o.Director.Deploy(ctx, r.manifest, DeployOptions{
		ContextID: r.contextID(), DiffContext: diff.Context,
		Recreate: r.Params.Recreate, Fix: r.Params.Fix, SkipDrain: r.Params.SkipDrain,
		Canaries: resource.Count(r.Params.Canaries), MaxInFlight: resource.Count(r.Params.MaxInFlight),
	})
	if !errors.Is(err, ErrUncertain) {
		return id, err
	}
	o.say("the director's answer was lost (%v): looking for the task by its context id", err)
	for until := time.Now().Add(acceptance); ; {
		tasks, listErr := o.Director.Tasks(ctx, TaskFilter{ContextID: r.contextID(), All: true})
		for _, t := range tasks {
			if t.ID > after {
				return t.ID, nil
			}
		}
		if listErr == nil && time.Now().After(until) {
			return 0, fmt.Errorf("%w, and the director shows no task for it: nothing is known to run; put again", err)
		}
		if pauseErr := pause(ctx, o.poll()); pauseErr != nil {
			if listErr != nil {
				pauseErr = fmt.Errorf("%w; list tasks: %w", pauseErr, listErr)
			}
			return 0, fmt.Errorf("%w; whether it was accepted is not known: look for a task with context id %s (%w)", err, r.contextID(), pauseErr)
		}
	}
}

// result is out's answer.
func (r *run) result() resource.Result {
	result := resource.Result{Version: resource.TaskVersion(r.answer.task)}
	add := func(name, value string) {
		result.Metadata = append(result.Metadata, resource.Field{Name: name, Value: value})
	}
	for _, c := range r.input.components {
		before := r.before(c.Name, c.Upstream)
		switch {
		case before == "":
			add(c.Name, c.Version)
		case before == c.Version:
			add(c.Name, c.Version+" (unchanged)")
		default:
			add(c.Name, before+" → "+c.Version)
		}
	}
	add("deploy", r.answer.note)
	if r.answer.task != 0 {
		add("director task", strconv.Itoa(r.answer.task))
		add("follow it", fmt.Sprintf("bosh -e %s task %d", r.Source.Director.URL, r.answer.task))
	}
	switch {
	case r.Params.DryRun:
	case r.pipeline.skip != "":
		add("pipeline", r.pipeline.skip)
	default:
		add("pipeline", fmt.Sprintf("%s: %s", r.pipeline.ref.Name, r.change))
	}
	return result
}

// before is the version of a component that is deployed now, or that the
// running pipeline uses.
func (r *run) before(name, upstream string) string {
	for _, list := range [][]NameVersion{r.deployed.Releases, r.deployed.Stemcells} {
		for _, nv := range list {
			if nv.Name == name || nv.Name == upstream {
				return nv.Version
			}
		}
	}
	version, _ := r.pipeline.kept[name+"_version"].(string)
	return version
}
