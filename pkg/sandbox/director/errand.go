package director

import (
	"context"
	"fmt"
	"slices"
	"time"
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

func (d *Director) listErrands(c *call) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dep := d.deploymentOf(c)
	if dep == nil {
		return
	}
	views := []errandView{}
	for _, name := range dep.errands {
		views = append(views, errandView{name})
	}
	c.list(views)
}

// runErrand answers POST /deployments/NAME/errands/ERRAND/runs.
func (d *Director) runErrand(c *call) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dep := d.deploymentOf(c)
	if dep == nil {
		return
	}
	name := c.params["errand"]
	c.redirect(d.enqueue(&task{
		description: "run errand " + name + " from deployment " + dep.name,
		user:        c.user, contextID: c.contextID, deployment: dep.name,
		work: func(j *job) (string, error) { return j.errand(dep, name) },
	}))
}

// errand is the task of a run. An errand's exit code does not fail it.
func (j *job) errand(dep *deployment, name string) (string, error) {
	release, err := j.acquire(deploymentLock(dep.name), j.d.opts.LockWait)
	if err != nil {
		return "", err
	}
	defer release()
	var targets []*instance
	if err := j.stage("Preparing deployment", 1).step("Preparing deployment", func(*step) error {
		j.d.mu.Lock()
		defer j.d.mu.Unlock()
		if !slices.Contains(dep.errands, name) {
			return failure(70009, "Errand '%s' doesn't exist", name)
		}
		for _, i := range dep.instances {
			if i.vm != nil && slices.Contains(i.jobs, name) {
				targets = append(targets, i)
			}
		}
		return nil
	}); err != nil {
		return "", err
	}
	succeeded, errored := 0, 0
	for _, i := range targets {
		result, err := j.runOn(dep, name, i)
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
func (j *job) runOn(dep *deployment, name string, i *instance) (ErrandResult, error) {
	var result ErrandResult
	run := func(ctx context.Context) ErrandResult { return ErrandResult{} }
	if hook := j.d.opts.RunErrand; hook != nil {
		run = func(ctx context.Context) ErrandResult {
			return hook(ctx, Errand{Deployment: dep.name, Name: name, Group: i.group, ID: i.id, Manifest: []byte(dep.text)})
		}
	}
	if err := j.stage("Running errand", 1).step(i.label(), func(*step) error {
		result = run(j.ctx)
		return j.sleep(500 * time.Millisecond)
	}); err != nil {
		return result, err
	}
	archive, err := j.logsOf(dep, i, "job", nil)
	if err != nil {
		return result, err
	}
	blob, err := j.saveBlob(archive)
	if err != nil {
		return result, err
	}
	j.print(string(encode(errandLine{
		Instance: errandInstance{i.group, i.id}, Name: name, ExitCode: result.ExitCode, Stdout: result.Stdout, Stderr: result.Stderr,
		Logs: errandLog{BlobstoreID: blob, SHA1: digest(archive)},
	})) + "\n")
	return result, j.checkpoint()
}
