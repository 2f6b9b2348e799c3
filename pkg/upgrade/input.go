package upgrade

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// input is what the files named in params hold.
type input struct {
	components    []component.Component
	componentsDir string
	manifest      manifest.Template // without vars
	vars          []map[string]any  // vars_files, then vars
	cloudConfig   []byte
	pipeline      manifest.File // empty: the bundled one
	pipelineVars  []map[string]any
}

// readInput reads every file named in params, so that a missing one is found
// before anything is changed.
func readInput(p resource.OutParams, dir string) (input, error) {
	in := input{}
	var err error
	if p.Components != "" {
		in.componentsDir = filepath.Join(dir, p.Components)
		if in.components, err = component.ReadSet(in.componentsDir); err != nil {
			return input{}, fmt.Errorf("params.components: %w", err)
		}
		if err := in.haveFiles(); err != nil {
			return input{}, fmt.Errorf("params.components: %w", err)
		}
	}
	in.manifest.File = manifest.Concourse()
	if p.Manifest != "" {
		if in.manifest.File, err = readFile(dir, "params.manifest", p.Manifest); err != nil {
			return input{}, err
		}
	}
	for _, name := range p.OpsFiles {
		file, err := readFile(dir, "params.ops_files", name)
		if err != nil {
			return input{}, err
		}
		in.manifest.OpsFiles = append(in.manifest.OpsFiles, file)
	}
	if in.vars, err = readVars(dir, "params.vars_files", p.VarsFiles, p.Vars); err != nil {
		return input{}, err
	}
	if p.CloudConfig != "" {
		file, err := readFile(dir, "params.cloud_config", p.CloudConfig)
		if err != nil {
			return input{}, err
		}
		if in.cloudConfig = file.Text; !isMapping(file.Text) {
			return input{}, fmt.Errorf("params.cloud_config: parse %s: want a YAML mapping", p.CloudConfig)
		}
	}
	return in, in.readPipeline(p.Pipeline, dir)
}

func (in *input) readPipeline(p *resource.PipelineParams, dir string) error {
	if p == nil {
		return nil
	}
	var err error
	if p.File != "" {
		if in.pipeline, err = readFile(dir, "params.pipeline.file", p.File); err != nil {
			return err
		}
	}
	in.pipelineVars, err = readVars(dir, "params.pipeline.vars_files", p.VarsFiles, p.Vars)
	return err
}

// haveFiles wants the downloaded files of the component set: the director asks
// for them only after the pipeline was set.
func (in input) haveFiles() error {
	for _, c := range in.components {
		if c.File == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(in.componentsDir, c.File)); err != nil {
			return fmt.Errorf("find the file of %s: %w", c.Name, err)
		}
	}
	return nil
}

// readVars gives the layers of variables, those that win last.
func readVars(dir, key string, files []string, vars map[string]any) ([]map[string]any, error) {
	var layers []map[string]any
	for _, name := range files {
		file, err := readFile(dir, key, name)
		if err != nil {
			return nil, err
		}
		layer := map[string]any{}
		if err := yaml.Unmarshal(file.Text, &layer); err != nil {
			return nil, fmt.Errorf("%s: parse %s: want a YAML mapping of variables", key, name)
		}
		layers = append(layers, layer)
	}
	return append(layers, plain(vars).(map[string]any)), nil
}

// isMapping says whether a text is what BOSH takes for a config.
func isMapping(text []byte) bool {
	var root map[string]any
	return yaml.Unmarshal(text, &root) == nil && root != nil
}

// readFile reads a file below the build's directory.
func readFile(dir, key, name string) (manifest.File, error) {
	path := filepath.Join(dir, name)
	if filepath.IsAbs(name) {
		path = name // a task image carries files of its own
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return manifest.File{}, fmt.Errorf("%s: read the file: %w", key, err)
	}
	return manifest.File{Name: name, Text: text}, nil
}

// componentVars are the variables that a component set gives.
func (in input) componentVars() map[string]any {
	vars := map[string]any{}
	for _, c := range in.components {
		for key, value := range c.Vars() {
			vars[key] = value
		}
	}
	return vars
}

// plain makes numbers of JSON's number texts.
func plain(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = plain(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = plain(item)
		}
		return out
	}
	return value
}
