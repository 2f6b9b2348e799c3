package site

import (
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
)

// possessions are the VMs, disks and images of the IaaS as EC2 shows them. The image of
// a light stemcell is not one of the account's.
func (s *Site) possessions() aws.Possessions {
	var out aws.Possessions
	vms := s.IaaS.VMs()
	for _, vm := range vms {
		out.Instances = append(out.Instances, aws.Possession{ID: vm.CID, Tags: vm.AllTags()})
	}
	for _, d := range s.IaaS.Disks() {
		one := aws.Possession{ID: d.CID, Tags: d.Tags, Encrypted: d.Encrypted, Snapshot: d.Snapshot}
		for _, vm := range vms {
			if slices.Contains(vm.Disks, d.CID) {
				one.Instances = append(one.Instances, vm.CID)
			}
		}
		out.Volumes = append(out.Volumes, one)
	}
	for _, c := range s.IaaS.Stemcells() {
		if strings.HasPrefix(c.CID, "ami-") && !strings.HasSuffix(c.CID, " light") {
			out.Images = append(out.Images, aws.Possession{ID: c.CID, Tags: c.Tags, Owner: c.Owner})
		}
	}
	return out
}
