package bootstrap

import (
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/component"
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

// setLines say which components change, with the URL and the digests of the new ones.
func setLines(before, after []component.Component) (lines []string) {
	old := map[string]string{}
	for _, c := range before {
		old[c.Name] = c.Version
	}
	for _, c := range after {
		line := fmt.Sprintf("+ %s: %s", c.Name, c.Version)
		switch was, there := old[c.Name]; {
		case there && was == c.Version:
			continue
		case there:
			line = fmt.Sprintf("~ %s: %s → %s", c.Name, was, c.Version)
		}
		for _, part := range []struct{ name, value string }{{"", difference.URL(c.URL)}, {"sha1 ", c.SHA1}, {"sha256 ", c.SHA256}} {
			if part.value != "" {
				line += ", " + part.name + part.value
			}
		}
		lines = append(lines, line)
		for _, a := range c.Assets {
			if a.SHA256 != "" {
				lines = append(lines, fmt.Sprintf("  %s: %s, sha256 %s", a.Name, difference.URL(a.URL), a.SHA256))
			}
		}
	}
	return lines
}
