// Package preview says what a plan shows of manifests that are not deployed yet: all that
// is in them, or how the values change that the director's own comparison hides.
package preview

import (
	"crypto/rand"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/difference"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// Renderer is one of the manifests' templates.
type Renderer func(manifest.Input) (template.Template, error)

// First lists everything that is in a template which nothing is made from yet. What
// cannot be rendered before there is a director or a stack is said, and is no failure of
// the plan: the steps before it are what is planned.
func First(in manifest.Input, render Renderer) []string {
	t, err := render(in)
	if err != nil {
		return NotYet(err)
	}
	text, values, err := manifest.Split(t)
	if err != nil {
		return NotYet(err)
	}
	reader := manifest.Reader(in, t)
	reader.Vars = values
	for name := range values {
		reader.Transient[name] = strings.HasPrefix(name, manifest.InstallerPrefix)
	}
	leaves, err := reader.Read(text)
	if err != nil {
		return NotYet(err)
	}
	return difference.Lines(nil, leaves)
}

// NotYet are the lines in the place of what cannot be rendered yet.
func NotYet(err error) []string { return []string{"! not known yet: " + err.Error()} }

// Values say how the properties that the director's comparison hides change. What
// is deployed has the order and the pace of an upgrade in it, which are in no property.
func Values(in manifest.Input, deployed []byte) ([]string, error) {
	if len(deployed) == 0 {
		return nil, nil // all is new, and the director shows it
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
