package bootstrap

import (
	"crypto/rand"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/difference"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// manifestValues say how the properties that the director's comparison hides change. What
// is deployed has the order and the pace of an upgrade in it, which are in no property.
func (r *run) manifestValues(deployed []byte) ([]string, error) {
	if len(deployed) == 0 {
		return nil, nil // all is new, and the director shows it
	}
	in, err := r.input()
	if err != nil {
		return nil, err
	}
	t, err := manifest.Concourse(in)
	if err != nil {
		return nil, err
	}
	text, values, err := manifest.Split(t)
	if err != nil {
		return nil, err
	}
	reader := manifest.Reader(in, t)
	reader.Vars, reader.Key = values, secret.New(rand.Text())
	after, err := reader.Read(text)
	if err != nil {
		return nil, err
	}
	before, err := reader.ReadLike(deployed, after)
	if err != nil {
		return nil, err
	}
	lines := difference.Below(difference.Lines(before, after), "properties")
	kept := lines[:0]
	for _, line := range lines {
		if !strings.HasPrefix(line, "- ") { // the gate's, which the upgrade adds
			kept = append(kept, line)
		}
	}
	return kept, nil
}
