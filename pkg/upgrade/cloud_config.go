package upgrade

import "context"

// setCloudConfig sets the default cloud config where it differs, in place of the version
// that it was compared with and of no other. What differs is told before.
func (o Out) setCloudConfig(ctx context.Context, r *run) (string, error) {
	now, differ, err := r.CompareCloudConfig(ctx)
	if err != nil {
		return "", err
	}
	if len(differ) == 0 {
		return "unchanged", nil
	}
	for _, line := range differ {
		o.say("  %s", line)
	}
	// Without one yet there is no id to hold the director to.
	if _, err := o.Director.UpdateConfig(ctx, "cloud", "default", string(r.Request.Input.CloudConfig.Text), now.ID); err != nil {
		return "", err
	}
	r.result.CloudConfig = differ
	return "updated", nil
}
