package deploy

import (
	"slices"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/deployment"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/store"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/task"
)

// deleteDeployment answers DELETE /deployments/NAME.
func (d *Deployer) deleteDeployment(c *api.Call) {
	d.Lock()
	defer d.Unlock()
	dep := d.deployments.Of(c)
	if dep == nil {
		return
	}
	c.Redirect(d.queue.Enqueue(&task.Row{
		Description: "delete deployment " + dep.Name, User: c.User, ContextID: c.ContextID, Deployment: dep.Name,
		Work: func(j *task.Job) (string, error) {
			release, err := j.Acquire(task.DeploymentLock(dep.Name), d.queue.LockWait)
			if err != nil {
				return "", err
			}
			defer release()
			return "/deployments/" + dep.Name, d.destroy(j, dep)
		},
	}))
}

// destroy is the task that deletes a deployment. The totals are those that the director shows.
func (d *Deployer) destroy(j *task.Job, dep *deployment.Deployment) error {
	d.Lock()
	instances := slices.Clone(dep.Instances)
	d.Unlock()
	stage := j.Stage("Deleting instances", len(instances))
	for _, i := range instances {
		if err := j.Checkpoint(); err != nil {
			return err
		}
		if err := stage.Step(i.Label(), func(*task.Step) error { return d.deleteInstance(j, dep, i) }); err != nil {
			return err
		}
	}
	for _, s := range []struct {
		name  string
		total int
		tasks []string
	}{
		{"Removing deployment artifacts", 3, []string{"Detaching stemcells", "Detaching releases"}},
		{"Deleting properties", 0, []string{"Deleting dynamic disks", "Destroying deployment"}},
	} {
		stage := j.Stage(s.name, s.total)
		for _, name := range s.tasks {
			if err := stage.Step(name, func(*task.Step) error { return j.Sleep(20 * time.Millisecond) }); err != nil {
				return err
			}
		}
	}
	return j.Change(func() {
		d.deployments.Drop(dep)
		j.Effect(store.EffectDelete, "deployment/"+dep.Name)
	})
}
