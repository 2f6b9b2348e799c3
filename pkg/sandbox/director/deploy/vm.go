package deploy

import (
	"slices"
	"strconv"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/deployment"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/store"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/task"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/uuid"
)

// createVM gives an instance a new machine.
func (d *Deployer) createVM(j *task.Job, i *deployment.Instance) error {
	return j.Around(store.Event{Action: "create", ObjectType: "vm", Instance: i.Name()}, func() (string, error) {
		if f := d.takeFault(faultCreateVM, i); f != nil {
			return "", f
		}
		if err := j.Sleep(1200 * time.Millisecond); err != nil {
			return "", err
		}
		cid := ""
		err := j.Change(func() {
			cid = strconv.Itoa(10000 + d.Next("vm"))
			i.VM = &deployment.VM{CID: cid, Agent: uuid.New(), Created: d.Now()}
			j.Effect(store.EffectVM, j.Task.Deployment+"/"+i.Group+"/"+strconv.Itoa(i.Index))
		})
		return cid, err
	})
}

// deleteVM takes an instance's machine away.
func (d *Deployer) deleteVM(j *task.Job, i *deployment.Instance) error {
	if i.VM == nil {
		return nil
	}
	return j.Around(store.Event{Action: "delete", ObjectType: "vm", ObjectName: i.VM.CID, Instance: i.Name()}, func() (string, error) {
		if err := j.Sleep(200 * time.Millisecond); err != nil {
			return "", err
		}
		return "", j.Change(func() { i.VM = nil })
	})
}

// deleteInstance takes an instance and its machine away.
func (d *Deployer) deleteInstance(j *task.Job, dep *deployment.Deployment, i *deployment.Instance) error {
	return j.Around(store.Event{Action: "delete", ObjectType: "instance", ObjectName: i.Name(), Instance: i.Name()}, func() (string, error) {
		if err := d.deleteVM(j, i); err != nil {
			return "", err
		}
		return "", j.Change(func() {
			dep.Instances = slices.DeleteFunc(dep.Instances, func(other *deployment.Instance) bool { return other == i })
		})
	})
}

// compilationVM records the VM on which packages are compiled; remove records its end.
func (d *Deployer) compilationVM(j *task.Job) (remove func() error, err error) {
	name, cid := "compilation-"+uuid.New()+"/"+uuid.New(), ""
	record := func(action string) error {
		instance := store.Event{Action: action, ObjectType: "instance", ObjectName: name, Instance: name}
		return j.Around(instance, func() (string, error) {
			vm := store.Event{Action: action, ObjectType: "vm", ObjectName: cid, Instance: name}
			return "", j.Around(vm, func() (string, error) {
				if cid == "" {
					cid = strconv.Itoa(10000 + d.vmSerial())
				}
				return cid, j.Checkpoint()
			})
		})
	}
	return func() error { return record("delete") }, record("create")
}

// vmSerial is the number of the next VM.
func (d *Deployer) vmSerial() int {
	d.Lock()
	defer d.Unlock()
	return d.Next("vm")
}
