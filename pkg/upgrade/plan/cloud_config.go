package plan

import (
	"context"
	"errors"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/difference"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// CompareCloudConfig says how the director's default cloud config differs from the wanted
// one. It compares by content, as the director writes YAML in its own way.
func (p *Plan) CompareCloudConfig(ctx context.Context) (now bosh.ConfigVersion, differ []string, err error) {
	wanted := p.Request.Input.CloudConfig.Text
	will, err := template.Digest(wanted)
	if err != nil {
		return now, nil, err
	}
	now, err = p.Director.CloudConfig(ctx)
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
