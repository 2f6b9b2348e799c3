package director

import (
	"slices"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/store"
)

// deleteDeployment answers DELETE /deployments/NAME.
func (d *deployer) deleteDeployment(c *api.Call) {
	d.Lock()
	defer d.Unlock()
	dep := d.deployments.of(c)
	if dep == nil {
		return
	}
	c.Redirect(d.queue.enqueue(&row{
		description: "delete deployment " + dep.name, user: c.User, contextID: c.ContextID, deployment: dep.name,
		work: func(j *job) (string, error) {
			release, err := j.acquire(deploymentLock(dep.name), d.queue.lockWait)
			if err != nil {
				return "", err
			}
			defer release()
			return "/deployments/" + dep.name, d.destroy(j, dep)
		},
	}))
}

// destroy is the task that deletes a deployment. The totals are those that the director shows.
func (d *deployer) destroy(j *job, dep *deployment) error {
	d.Lock()
	instances := slices.Clone(dep.instances)
	d.Unlock()
	stage := j.stage("Deleting instances", len(instances))
	for _, i := range instances {
		if err := j.checkpoint(); err != nil {
			return err
		}
		if err := stage.step(i.label(), func(*step) error { return d.deleteInstance(j, dep, i) }); err != nil {
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
		stage := j.stage(s.name, s.total)
		for _, name := range s.tasks {
			if err := stage.step(name, func(*step) error { return j.sleep(20 * time.Millisecond) }); err != nil {
				return err
			}
		}
	}
	return j.change(func() {
		d.deployments.drop(dep)
		j.effect(store.EffectDelete, "deployment/"+dep.name)
	})
}
