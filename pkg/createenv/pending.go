package createenv

import (
	"context"
	"fmt"

	biconfig "github.com/cloudfoundry/bosh-cli/v7/config"

	"github.com/perpetual-ci/perpetual/pkg/createenv/manifest"
)

// Pending lists what Create would do, for people; none means that all is up to
// date. Nothing is changed; the CPI's release may be fetched to ask whether
// the VM is there.
func (e *Environment) Pending(ctx context.Context, r Request) (changes []string, err error) {
	err = e.session(ctx, r, "compare the environment", true, func(s *session) error {
		p, err := s.manifest.Parse()
		if err != nil {
			return err
		}
		st := s.state.Recorded()
		switch {
		case st.CurrentVMCID == "":
			changes = append(changes, "make the VM from "+stemcellOf(p))
		case st.CurrentManifestSHA == "":
			changes = append(changes, fmt.Sprintf("finish a change that was stopped: make VM %s again", st.CurrentVMCID))
		case !deployed(st, p):
			changes = append(changes, fmt.Sprintf("the manifest, a credential, a release or the stemcell has changed: make VM %s again from %s", st.CurrentVMCID, stemcellOf(p)))
		default:
			there, err := s.alive(p, st)
			if err != nil {
				return err
			}
			if !there {
				changes = append(changes, fmt.Sprintf("VM %s is gone: make it again", st.CurrentVMCID))
			} else if r.Recreate {
				changes = append(changes, fmt.Sprintf("make VM %s again, as asked", st.CurrentVMCID))
			}
		}
		if len(changes) > 0 {
			changes = append(append(changes, diskChanges(st, p)...), p.Differences(s.writer, st)...)
		}
		for _, thing := range unused(st) {
			changes = append(changes, "delete "+thing+", which nothing uses")
		}
		return nil
	})
	return changes, err
}

// unused are the disks and stemcells that a run which was stopped has not deleted.
func unused(st biconfig.DeploymentState) []string {
	var out []string
	for _, d := range st.Disks {
		if d.ID != st.CurrentDiskID {
			out = append(out, "disk "+d.CID)
		}
	}
	for _, c := range st.Stemcells {
		if c.ID != st.CurrentStemcellID {
			out = append(out, "stemcell "+c.CID)
		}
	}
	return out
}

// stemcellOf names the manifest's stemcell.
func stemcellOf(p manifest.Manifest) string {
	ref, err := p.Deployment.Stemcell(p.Deployment.JobName())
	if err != nil {
		return "its stemcell"
	}
	return ref.URL
}

// diskChanges say what becomes of the persistent disk.
func diskChanges(st biconfig.DeploymentState, p manifest.Manifest) []string {
	pool, err := p.Deployment.DiskPool(p.Deployment.JobName())
	if err != nil {
		return nil
	}
	for _, d := range st.Disks {
		if d.ID != st.CurrentDiskID {
			continue
		}
		switch {
		case pool.DiskSize == 0:
			return []string{fmt.Sprintf("disk %s is no longer attached", d.CID)}
		case pool.DiskSize != d.Size:
			return []string{fmt.Sprintf("copy disk %s to a new one: %d MB → %d MB", d.CID, d.Size, pool.DiskSize)}
		}
		return []string{fmt.Sprintf("disk %s is kept", d.CID)}
	}
	if pool.DiskSize > 0 {
		return []string{fmt.Sprintf("make a disk of %d MB", pool.DiskSize)}
	}
	return nil
}
