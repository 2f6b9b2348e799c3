package bootstrap

import (
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/difference"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// renderer is one of the manifests' templates.
type renderer func(manifest.Input) (template.Template, error)

// firstOf lists everything that is in a template which nothing is made from yet. What
// cannot be rendered before there is a director or a stack is said, and is no failure of
// the plan: the steps before it are what is planned.
func (r *run) firstOf(render renderer) []string {
	in, err := r.input()
	if err != nil {
		return []string{"! not known yet: " + err.Error()}
	}
	t, err := render(in)
	if err != nil {
		return []string{"! not known yet: " + err.Error()}
	}
	text, values, err := manifest.Split(t)
	if err != nil {
		return []string{"! not known yet: " + err.Error()}
	}
	reader := manifest.Reader(in, t)
	reader.Vars = values
	for name := range values {
		reader.Transient[name] = strings.HasPrefix(name, manifest.InstallerPrefix)
	}
	leaves, err := reader.Read(text)
	if err != nil {
		return []string{"! not known yet: " + err.Error()}
	}
	return difference.Lines(nil, leaves)
}
