package installation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
)

// bucketName is the state bucket of the installation.
const bucketName = "perpetual-" + site.Name + "-" + aws.DefaultAccount + "-" + aws.DefaultRegion

// inventory is what there is in the account.
type inventory struct {
	Stacks, Resources, VMs, Disks, Stemcells, Instances, Buckets, Parameters, Snapshots int
}

// empty says whether nothing is there, but for snapshots.
func (v inventory) empty() bool {
	v.Snapshots = 0
	return v == inventory{}
}

// String implements fmt.Stringer.
func (v inventory) String() string {
	var parts []string
	for _, p := range []struct {
		n         int
		one, many string
	}{
		{v.Stacks, "stack", "stacks"}, {v.Resources, "resource in it", "resources in it"}, {v.VMs, "director VM", "director VMs"},
		{v.Disks, "disk", "disks"}, {v.Stemcells, "stemcell", "stemcells"}, {v.Instances, "VM of Concourse", "VMs of Concourse"},
		{v.Buckets, "bucket", "buckets"}, {v.Parameters, "SSM parameter", "SSM parameters"}, {v.Snapshots, "database snapshot", "database snapshots"},
	} {
		switch p.n {
		case 0:
		case 1:
			parts = append(parts, "1 "+p.one)
		default:
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.many))
		}
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

// inventory looks around.
func (i *install) inventory() inventory {
	s := i.site
	v := inventory{VMs: len(s.IaaS.VMs()), Disks: len(s.IaaS.Disks()), Stemcells: len(s.IaaS.Stemcells()), Parameters: len(s.AWS.Parameters())}
	stacks := s.Stacks.State()
	v.Stacks, v.Snapshots = len(stacks.Stacks), len(stacks.Snapshots)
	for _, stack := range stacks.Stacks {
		v.Resources += len(stack.Resources)
	}
	if _, there := s.AWS.Bucket(bucketName); there {
		v.Buckets = 1
	}
	if s.Director != nil {
		for _, d := range s.Director.Deployments() {
			for _, instance := range s.Director.Instances(d.Name) {
				if instance.VM != "" {
					v.Instances++
				}
			}
		}
	}
	return v
}

// changes counts what was written to the simulators.
type changes struct {
	AWS       int // calls that change something, but for the state's objects
	Stack     int // change sets executed
	CPI       int // calls that make, change or delete something
	VMs       int // VMs that were made for the director
	Deploys   int // deploys that the director has accepted
	Director  int // everything that was brought about at the director
	Concourse int // pipelines and builds, but not logins
	Pipelines int // pipelines that were set or unpaused
}

// cpiReads are the calls of the CPI that change nothing.
var cpiReads = []string{"info", "has_vm", "has_disk", "get_disks", "current_vm_id", "calculate_vm_cloud_properties", "snapshot_disk"}

// changes counts up to now.
func (i *install) changes() changes {
	s := i.site
	c := changes{AWS: s.AWS.Writes(), Stack: s.AWS.Calls("cloudformation")["ExecuteChangeSet"]}
	for _, method := range s.IaaS.Methods("cpi") {
		if !slices.Contains(cpiReads, method) {
			c.CPI++
		}
		if method == "create_vm" {
			c.VMs++
		}
	}
	if s.Director != nil {
		c.Director, c.Deploys = len(s.Director.Effects()), s.Director.Count(director.EffectDeploy, "")
	}
	if s.Concourse != nil {
		for _, e := range s.Concourse.Events() {
			switch e.Kind {
			case concourse.KindLogin:
			case concourse.KindCreate, concourse.KindUpdate, concourse.KindPause, concourse.KindUnpause:
				c.Pipelines++
				c.Concourse++
			default:
				c.Concourse++
			}
		}
	}
	return c
}

// since are the changes after others.
func (c changes) since(was changes) changes {
	return changes{
		c.AWS - was.AWS, c.Stack - was.Stack, c.CPI - was.CPI, c.VMs - was.VMs,
		c.Deploys - was.Deploys, c.Director - was.Director, c.Concourse - was.Concourse, c.Pipelines - was.Pipelines,
	}
}

// and are these changes and others.
func (c changes) and(more changes) changes {
	return changes{
		c.AWS + more.AWS, c.Stack + more.Stack, c.CPI + more.CPI, c.VMs + more.VMs,
		c.Deploys + more.Deploys, c.Director + more.Director, c.Concourse + more.Concourse, c.Pipelines + more.Pipelines,
	}
}

// String implements fmt.Stringer.
func (c changes) String() string {
	return fmt.Sprintf("%d at AWS, %d by the CPI, %d at the director, %d at Concourse", c.AWS, c.CPI, c.Director, c.Concourse)
}
