package deployment

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/task"
)

// Errand is one errand to run on one instance.
type Errand struct {
	Deployment string // "concourse"
	Name       string // "smoke"
	Group      string // "web"
	ID         string // the instance's UUID
	Manifest   []byte // of the deployment
}

// ErrandResult is what an errand ends with.
type ErrandResult struct {
	ExitCode       int
	Stdout, Stderr string
}

// errandView is an errand of GET /deployments/NAME/errands.
type errandView struct {
	Name string `json:"name"` // "smoke"
}

// errandLine is a line of the result of a run.
type errandLine struct {
	Instance errandInstance `json:"instance"`
	Name     string         `json:"errand_name"`
	ExitCode int            `json:"exit_code"`
	Stdout   string         `json:"stdout"`
	Stderr   string         `json:"stderr"`
	Logs     errandLog      `json:"logs"`
}

type errandInstance struct {
	Group string `json:"group"` // "web"
	ID    string `json:"id"`
}

// errandLog names the log that an errand's agent uploaded.
type errandLog struct {
	BlobstoreID string `json:"blobstore_id"`
	SHA1        string `json:"sha1"`
}

func (t *Table) listErrands(c *api.Call) {
	t.Lock()
	defer t.Unlock()
	dep := t.Of(c)
	if dep == nil {
		return
	}
	views := []errandView{}
	for _, name := range dep.errands {
		views = append(views, errandView{name})
	}
	c.List(views)
}

// runErrand answers POST /deployments/NAME/errands/ERRAND/runs.
func (t *Table) runErrand(c *api.Call) {
	t.Lock()
	defer t.Unlock()
	dep := t.Of(c)
	if dep == nil {
		return
	}
	name := c.Params["errand"]
	c.Redirect(t.queue.Enqueue(&task.Row{
		Description: "run errand " + name + " from deployment " + dep.Name,
		User:        c.User, ContextID: c.ContextID, Deployment: dep.Name,
		Work: func(j *task.Job) (string, error) { return t.errand(j, dep, name) },
	}))
}

// errand is the task of a run. An errand's exit code does not fail it.
func (t *Table) errand(j *task.Job, dep *Deployment, name string) (string, error) {
	release, err := j.Acquire(task.DeploymentLock(dep.Name), t.queue.LockWait)
	if err != nil {
		return "", err
	}
	defer release()
	var targets []*Instance
	if err := j.Stage("Preparing deployment", 1).Step("Preparing deployment", func(*task.Step) error {
		t.Lock()
		defer t.Unlock()
		if !slices.Contains(dep.errands, name) {
			return api.NewFailure(70009, "Errand '%s' doesn't exist", name)
		}
		for _, i := range dep.Instances {
			if i.VM != nil && slices.Contains(i.Jobs, name) {
				targets = append(targets, i)
			}
		}
		return nil
	}); err != nil {
		return "", err
	}
	succeeded, errored := 0, 0
	for _, i := range targets {
		result, err := t.runOn(j, dep, name, i)
		if err != nil {
			return "", err
		}
		if result.ExitCode == 0 {
			succeeded++
		} else {
			errored++
		}
	}
	return fmt.Sprintf("%d succeeded, %d errored, 0 canceled", succeeded, errored), nil
}

// runOn runs an errand on one instance and fetches its logs.
func (t *Table) runOn(j *task.Job, dep *Deployment, name string, i *Instance) (ErrandResult, error) {
	var result ErrandResult
	run := func(ctx context.Context) ErrandResult { return ErrandResult{} }
	if hook := t.hooks.RunErrand; hook != nil {
		run = func(ctx context.Context) ErrandResult {
			return hook(ctx, Errand{Deployment: dep.Name, Name: name, Group: i.Group, ID: i.ID, Manifest: []byte(dep.Text)})
		}
	}
	if err := j.Stage("Running errand", 1).Step(i.Label(), func(*task.Step) error {
		result = run(j.Ctx)
		return j.Sleep(500 * time.Millisecond)
	}); err != nil {
		return result, err
	}
	archive, err := t.logsOf(j, dep, i, "job", nil)
	if err != nil {
		return result, err
	}
	blob, err := t.saveBlob(j, archive)
	if err != nil {
		return result, err
	}
	j.Print(string(api.Encode(errandLine{
		Instance: errandInstance{i.Group, i.ID}, Name: name, ExitCode: result.ExitCode, Stdout: result.Stdout, Stderr: result.Stderr,
		Logs: errandLog{BlobstoreID: blob, SHA1: digest(archive)},
	})) + "\n")
	return result, j.Checkpoint()
}
