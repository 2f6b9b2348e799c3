package upgrade

import (
	"context"
	"errors"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/difference"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// setCloudConfig sets the default cloud config where it differs, in place of the version
// that it was compared with and of no other. What differs is told before.
func (o Out) setCloudConfig(ctx context.Context, r *run) (string, error) {
	now, differ, err := o.compareCloudConfig(ctx, r.Input.CloudConfig.Text)
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
	if _, err := o.Director.UpdateConfig(ctx, "cloud", "default", string(r.Input.CloudConfig.Text), now.ID); err != nil {
		return "", err
	}
	r.result.CloudConfig = differ
	return "updated", nil
}

// compareCloudConfig says how the director's default cloud config differs from the wanted
// one. It compares by content, as the director writes YAML in its own way.
func (o Out) compareCloudConfig(ctx context.Context, wanted []byte) (now bosh.ConfigVersion, differ []string, err error) {
	will, err := template.Digest(wanted)
	if err != nil {
		return now, nil, err
	}
	now, err = o.Director.CloudConfig(ctx)
	if err != nil && !errors.Is(err, bosh.ErrNotFound) {
		return now, nil, err
	}
	is, err := template.Digest([]byte(now.Content))
	if err != nil || is == will {
		return now, nil, err
	}
	return now, configLines([]byte(now.Content), wanted), nil
}

// configLines say how two cloud configs differ, with what looks like a secret hidden.
func configLines(before, after []byte) []string {
	var r difference.Reader
	old, err := r.Read(before)
	if err != nil || len(before) == 0 { // set by others, or by nobody: all of ours is new
		old = nil
	}
	wanted, err := r.Read(after)
	if err != nil {
		return []string{"! " + err.Error()}
	}
	if lines := difference.Lines(old, wanted); len(lines) > 0 {
		return lines
	}
	return []string{"! the cloud config has changed only in a hidden value or in the order of a list"}
}
