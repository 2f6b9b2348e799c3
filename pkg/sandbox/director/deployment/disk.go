package deployment

import (
	"slices"
	"strconv"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/document"
)

// usual is how full a persistent disk is where nobody says it, in percent.
const usual = 10

// keepsData says whether a group has a persistent disk.
func (d *Deployment) keepsData(group string) bool {
	groups := d.Manifest.Maps("instance_groups")
	i := slices.IndexFunc(groups, func(g document.Mapping) bool { return g.Text("name") == group })
	return i >= 0 && (groups[i].Has("persistent_disk") || groups[i].Has("persistent_disk_type") || groups[i].Has("persistent_disks"))
}

// diskVitals are those of an instance's disks, as its agent tells them. The caller holds the lock.
func (t *Table) diskVitals(dep *Deployment, i *Instance) map[string]any {
	disk := map[string]string{"inode_percent": "5", "percent": "10"}
	vitals := map[string]any{"ephemeral": disk, "system": disk}
	if dep.keepsData(i.Group) {
		percent := usual
		if t.hooks.DiskUsage != nil {
			percent = t.hooks.DiskUsage(dep.Name, i.Group, i.Index)
		}
		vitals["persistent"] = map[string]string{"inode_percent": "1", "percent": strconv.Itoa(percent)}
	}
	return vitals
}
