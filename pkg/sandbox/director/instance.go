package director

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// failedSpec is the jobSpec of an instance whose update failed; it equals no plan's.
const failedSpec = "failed"

// instance is one instance of a group, with or without a VM.
type instance struct {
	group     string
	index     int
	id        string // UUID
	az        string
	bootstrap bool
	state     string // wanted: "started", "stopped", "detached"
	running   bool   // whether its jobs run
	vm        *vm
	vmType    string
	ip        string
	jobs      []string
	releases  map[string]string
	stemcell  *stemcell
	vmSpec    string // of the VM that it has
	jobSpec   string // of the jobs that it runs; "" before the first, failedSpec after a failed update
}

// vm is the machine of an instance.
type vm struct {
	cid     string // "10867"
	agent   string // UUID
	created time.Time
}

// label is an instance's name in event logs.
func (i *instance) label() string { return fmt.Sprintf("%s/%s (%d)", i.group, i.id, i.index) }

// agentID is that of the instance's VM, "" without one.
func (i *instance) agentID() string {
	if i.vm == nil {
		return ""
	}
	return i.vm.agent
}

func (i *instance) name() string { return i.group + "/" + i.id }

// newInstance makes a row. The caller holds mu.
func (d *Director) newInstance(dep *deployment, g *group, index int) *instance {
	i := &instance{group: g.name, index: index, id: newUUID(), bootstrap: index == 0, state: "started", vmType: g.vmType, stemcell: g.stemcell}
	if len(g.azs) > 0 {
		i.az = g.azs[index%len(g.azs)]
	}
	i.ip = d.address(g, index)
	dep.instances = append(dep.instances, i)
	return i
}

// address is a static address of the group or the next free one of its network. The caller holds mu.
func (d *Director) address(g *group, index int) string {
	if index < len(g.static) {
		return g.static[index]
	}
	taken := map[string]bool{}
	for _, dep := range d.deployments {
		for _, i := range dep.instances {
			taken[i.ip] = true
		}
	}
	for _, subnet := range g.network.maps("subnets") {
		prefix, err := netip.ParsePrefix(subnet.text("range"))
		if err != nil {
			continue
		}
		for a := prefix.Masked().Addr().Next(); prefix.Contains(a); a = a.Next() {
			if a.String() != subnet.text("gateway") && !taken[a.String()] {
				return a.String()
			}
		}
	}
	return ""
}

// createVM gives an instance a new machine.
func (j *job) createVM(i *instance) error {
	return j.around(auditEvent{Action: "create", ObjectType: "vm", Instance: i.name()}, func() (string, error) {
		if f := j.d.takeFault(faultCreateVM, j.task.deployment, i); f != nil {
			return "", f
		}
		if err := j.sleep(1200 * time.Millisecond); err != nil {
			return "", err
		}
		cid := ""
		err := j.change(func() {
			cid = strconv.Itoa(10000 + j.d.next("vm"))
			i.vm = &vm{cid: cid, agent: newUUID(), created: j.d.now()}
			j.effect(EffectVM, j.task.deployment+"/"+i.group+"/"+strconv.Itoa(i.index))
		})
		return cid, err
	})
}

// deleteVM takes an instance's machine away.
func (j *job) deleteVM(i *instance) error {
	if i.vm == nil {
		return nil
	}
	return j.around(auditEvent{Action: "delete", ObjectType: "vm", ObjectName: i.vm.cid, Instance: i.name()}, func() (string, error) {
		if err := j.sleep(200 * time.Millisecond); err != nil {
			return "", err
		}
		return "", j.change(func() { i.vm = nil })
	})
}

// deleteInstance takes an instance and its machine away.
func (j *job) deleteInstance(dep *deployment, i *instance) error {
	return j.around(auditEvent{Action: "delete", ObjectType: "instance", ObjectName: i.name(), Instance: i.name()}, func() (string, error) {
		if err := j.deleteVM(i); err != nil {
			return "", err
		}
		return "", j.change(func() {
			dep.instances = slices.DeleteFunc(dep.instances, func(other *instance) bool { return other == i })
		})
	})
}

// compilationVM records the VM on which packages are compiled; remove records its end.
func (j *job) compilationVM() (remove func() error, err error) {
	name, cid := "compilation-"+newUUID()+"/"+newUUID(), ""
	record := func(action string) error {
		instance := auditEvent{Action: action, ObjectType: "instance", ObjectName: name, Instance: name}
		return j.around(instance, func() (string, error) {
			vm := auditEvent{Action: action, ObjectType: "vm", ObjectName: cid, Instance: name}
			return "", j.around(vm, func() (string, error) {
				if cid == "" {
					cid = strconv.Itoa(10000 + j.d.vmSerial())
				}
				return cid, j.checkpoint()
			})
		})
	}
	return func() error { return record("delete") }, record("create")
}

func (d *Director) vmSerial() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.next("vm")
}
