package deployment

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/artifact"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/plan"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/uuid"
)

// FailedSpec is the jobSpec of an instance whose update failed; it equals no plan's.
const FailedSpec = "failed"

// Instance is one instance of a group, with or without a VM.
type Instance struct {
	Group     string
	Index     int
	ID        string // UUID
	AZ        string
	bootstrap bool
	State     string // wanted: "started", "stopped", "detached"
	Running   bool   // whether its jobs run
	VM        *VM
	VmType    string
	IP        string
	Jobs      []string
	Releases  map[string]string
	Stemcell  *artifact.Stemcell
	VmSpec    string // of the VM that it has
	JobSpec   string // of the jobs that it runs; "" before the first, failedSpec after a failed update
}

// VM is the machine of an instance.
type VM struct {
	CID     string // "10867"
	Agent   string // UUID
	Created time.Time
}

// Label is an instance's name in event logs.
func (i *Instance) Label() string { return fmt.Sprintf("%s/%s (%d)", i.Group, i.ID, i.Index) }

// AgentID is that of the instance's VM, "" without one.
func (i *Instance) AgentID() string {
	if i.VM == nil {
		return ""
	}
	return i.VM.Agent
}

// Name is an instance's name elsewhere: "web/436cb8d0-438d-4f34-b67e-4c8f6a5488ef".
func (i *Instance) Name() string { return i.Group + "/" + i.ID }

// NewInstance makes a row. The caller holds the lock.
func (t *Table) NewInstance(dep *Deployment, g *plan.Group, index int) *Instance {
	i := &Instance{Group: g.Name, Index: index, ID: uuid.New(), bootstrap: index == 0, State: "started", VmType: g.VmType, Stemcell: g.Stemcell}
	if len(g.Azs) > 0 {
		i.AZ = g.Azs[index%len(g.Azs)]
	}
	i.IP = t.address(g, index)
	dep.Instances = append(dep.Instances, i)
	return i
}

// address is a static address of the group or the next free one of its network. The caller holds the lock.
func (t *Table) address(g *plan.Group, index int) string {
	if index < len(g.Static) {
		return g.Static[index]
	}
	taken := map[string]bool{}
	for _, dep := range t.rows {
		for _, i := range dep.Instances {
			taken[i.IP] = true
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

// Instance is the row of a group's instance, nil if there is none. The caller holds the lock.
func (dep *Deployment) Instance(group string, index int) *Instance {
	for _, i := range dep.Instances {
		if i.Group == group && i.Index == index {
			return i
		}
	}
	return nil
}
