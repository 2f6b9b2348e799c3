package command

import "context"

// DiskUsage implements Director.
func (d director) DiskUsage(ctx context.Context, deployment, group string) (percent int, known bool, err error) {
	disks, err := d.PersistentDisks(ctx, deployment)
	if err != nil {
		return 0, false, err
	}
	for _, disk := range disks {
		if disk.Group == group {
			percent, known = max(percent, disk.Percent), true
		}
	}
	return percent, known, nil
}
