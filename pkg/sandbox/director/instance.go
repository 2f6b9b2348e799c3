package director

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/artifact"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/plan"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/uuid"
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
	stemcell  *artifact.Stemcell
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

// newInstance makes a row. The caller holds the lock.
func (t *deployments) newInstance(dep *deployment, g *plan.Group, index int) *instance {
	i := &instance{group: g.Name, index: index, id: uuid.New(), bootstrap: index == 0, state: "started", vmType: g.VmType, stemcell: g.Stemcell}
	if len(g.Azs) > 0 {
		i.az = g.Azs[index%len(g.Azs)]
	}
	i.ip = t.address(g, index)
	dep.instances = append(dep.instances, i)
	return i
}

// address is a static address of the group or the next free one of its network. The caller holds the lock.
func (t *deployments) address(g *plan.Group, index int) string {
	if index < len(g.Static) {
		return g.Static[index]
	}
	taken := map[string]bool{}
	for _, dep := range t.rows {
		for _, i := range dep.instances {
			taken[i.ip] = true
		}
	}
	for _, subnet := range g.Network.Maps("subnets") {
		prefix, err := netip.ParsePrefix(subnet.Text("range"))
		if err != nil {
			continue
		}
		for a := prefix.Masked().Addr().Next(); prefix.Contains(a); a = a.Next() {
			if a.String() != subnet.Text("gateway") && !taken[a.String()] {
				return a.String()
			}
		}
	}
	return ""
}

// instance is the row of a group's instance, nil if there is none. The caller holds the lock.
func (dep *deployment) instance(group string, index int) *instance {
	for _, i := range dep.instances {
		if i.group == group && i.index == index {
			return i
		}
	}
	return nil
}
