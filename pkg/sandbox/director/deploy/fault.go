package deploy

import (
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/deployment"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/task"
)

// Places at which an instance can be made to fail.
const (
	faultCreateVM = "create vm"
	faultPreStart = "pre-start"
	faultRunning  = "running"
)

// instanceFault makes instances fail.
type instanceFault struct {
	place   string
	group   string
	index   int
	failure *api.Failure
	times   int // left; negative: forever
}

// FailInstance makes updates of an instance fail, times times, or until
// Repair if times is negative. With a message its pre-start script fails and
// the message is what the agent says; with "" its jobs do not come up.
func (d *Deployer) FailInstance(group string, index int, message string, times int) {
	f := &instanceFault{place: faultPreStart, group: group, index: index, times: times, failure: api.NewFailure(450001, "%s", message)}
	if message == "" {
		f.place, f.failure = faultRunning, nil // the message names the instance
	}
	d.addFault(f)
}

// FailCreateVM makes the cloud refuse to create VMs for an instance, like FailInstance.
func (d *Deployer) FailCreateVM(group string, index int, message string, times int) {
	d.addFault(&instanceFault{place: faultCreateVM, group: group, index: index, times: times, failure: api.NewFailure(100, "%s", message)})
}

func (d *Deployer) addFault(f *instanceFault) {
	d.Lock()
	defer d.Unlock()
	d.faults = append(d.faults, f)
}

// Repair ends every fault of FailInstance and FailCreateVM.
func (d *Deployer) Repair() {
	d.Lock()
	defer d.Unlock()
	d.faults = nil
}

// takeFault gives the failure that an instance is to meet at a place, nil if none.
func (d *Deployer) takeFault(place string, i *deployment.Instance) *api.Failure {
	d.Lock()
	defer d.Unlock()
	for _, f := range d.faults {
		if f.place != place || f.group != i.Group || f.index != i.Index || f.times == 0 {
			continue
		}
		f.times--
		if f.failure != nil {
			return f.failure
		}
		return api.NewFailure(400007, "'%s' is not running after update. Review logs for failed jobs: %s", i.Label(), i.Group)
	}
	return nil
}

// LoseJob puts a deployment and the task of a deploy into their tables without a job
// for it, as a director does that dies in between. It stays queued; when it is cancelled, it becomes a timeout
// as one whose worker has died.
func (d *Deployer) LoseJob(deployment, contextID string) (id int) {
	d.Lock()
	defer d.Unlock()
	if d.deployments.Find(deployment) == nil { // its row comes before the task's
		d.newDeployment(submission{cloud: d.configs.Find("cloud", "", 1), runtime: d.configs.Find("runtime", "", 1)}, deployment)
	}
	t := &task.Row{Description: "create deployment", User: d.user, Deployment: deployment, ContextID: contextID}
	return d.queue.Lose(t)
}
