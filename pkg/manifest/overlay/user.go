package overlay

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/config/schema"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// Read reads the files that the sections manifest and pipeline name; read gives the text of one.
// The problems name every file that is missing or cannot be parsed, and leave it out.
// notes are what is doubtful in them, in lines for people.
func Read(c *config.Config, read func(name string) ([]byte, error)) (u manifest.User, notes []string, problems schema.Problems) {
	m := c.Manifest
	wrong := func(key string, i int, format string, args ...any) {
		problems = append(problems, schema.Problem{Key: fmt.Sprintf("%s[%d]", key, i), Text: fmt.Sprintf(format, args...)})
	}
	text := func(key string, i int, name string) ([]byte, bool) {
		text, err := read(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			wrong(key, i, "there is no file %s", name)
		case err != nil:
			wrong(key, i, "%v", err)
		}
		return text, err == nil
	}
	for _, list := range []struct {
		key   string
		names []string
		into  *[]template.File
	}{
		{"manifest.ops_files", m.OpsFiles, &u.OpsFiles}, {"manifest.director_ops_files", m.DirectorOpsFiles, &u.DirectorOpsFiles},
		{"manifest.cloud_config_ops_files", m.CloudOpsFiles, &u.CloudOpsFiles},
		{"pipeline.ops_files", c.Pipeline.OpsFiles, &u.PipelineOpsFiles},
	} {
		for i, name := range list.names {
			if body, ok := text(list.key, i, name); ok {
				file := template.File{Name: name, Text: body}
				notes = append(notes, template.Repeated(file)...)
				*list.into = append(*list.into, file)
			}
		}
	}
	for i, name := range m.VarsFiles {
		body, ok := text("manifest.vars_files", i, name)
		if !ok {
			continue
		}
		file := template.File{Name: name, Text: body}
		layer, err := template.Vars(file)
		if err != nil {
			wrong("manifest.vars_files", i, "%v", err)
			continue
		}
		notes = append(notes, template.Repeated(file)...)
		u.Vars = append(u.Vars, layer)
	}
	if len(m.Vars) > 0 {
		u.Vars = append(u.Vars, m.Vars)
	}
	return u, notes, problems
}
