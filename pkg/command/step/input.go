package step

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/file"
	"github.com/perpetual-ci/perpetual/pkg/manifest/bundle"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/template"
	"github.com/perpetual-ci/perpetual/pkg/upgrade/plan"
)

// input is an upgrade's input while its files are read.
type input struct{ plan.Input }

// readInput reads every file named in params, so that a missing one is found
// before anything is changed.
func readInput(p resource.OutParams, dir string) (plan.Input, error) {
	in := input{Input: plan.Input{OwnManifest: p.Manifest != ""}}
	var err error
	if p.Components != "" {
		in.ComponentsDir = filepath.Join(dir, p.Components)
		if in.Components, err = component.ReadSet(in.ComponentsDir); err != nil {
			return plan.Input{}, fmt.Errorf("params.components: %w", err)
		}
		if err := in.haveFiles(); err != nil {
			return plan.Input{}, fmt.Errorf("params.components: %w", err)
		}
	}
	in.Manifest.File = bundle.Concourse()
	if p.Manifest != "" {
		if in.Manifest.File, err = in.readFile(dir, "params.manifest", p.Manifest); err != nil {
			return plan.Input{}, err
		}
	}
	if in.Manifest.OpsFiles, err = in.readFiles(dir, "params.ops_files", p.OpsFiles); err != nil {
		return plan.Input{}, err
	}
	if in.Vars, err = in.readVars(dir, "params.vars_files", p.VarsFiles, template.Vars); err != nil {
		return plan.Input{}, err
	}
	in.Vars = append(in.Vars, native(p.Vars).(map[string]any))
	if p.CloudConfig != "" {
		file, err := in.readFile(dir, "params.cloud_config", p.CloudConfig)
		if err != nil {
			return plan.Input{}, err
		}
		if err := template.Mapping(file); err != nil {
			return plan.Input{}, fmt.Errorf("params.cloud_config: %w", err)
		}
		in.CloudConfig = file
	}
	err = in.readPipeline(p.Pipeline, dir)
	return in.Input, err
}

func (in *input) readPipeline(p *resource.PipelineParams, dir string) error {
	if p == nil {
		return nil
	}
	var err error
	if p.File != "" {
		if in.Pipeline.File, err = in.readFile(dir, "params.pipeline.file", p.File); err != nil {
			return err
		}
	}
	if in.Pipeline.OpsFiles, err = in.readFiles(dir, "params.pipeline.ops_files", p.OpsFiles); err != nil {
		return err
	}
	in.Pipeline.Vars = native(p.Vars).(map[string]any)
	in.Pipeline.VarsFiles, err = in.readVars(dir, "params.pipeline.vars_files", p.VarsFiles, template.PipelineVars)
	return err
}

// haveFiles wants the downloaded files of the component set: the director asks
// for them only after the pipeline was set.
func (in input) haveFiles() error {
	for _, c := range in.Components {
		if c.File == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(in.ComponentsDir, c.File)); err != nil {
			return fmt.Errorf("find the file of %s: %w", c.Name, err)
		}
	}
	return nil
}

// readFiles reads the files that a key lists.
func (in *input) readFiles(dir, key string, names []string) ([]template.File, error) {
	var files []template.File
	for _, name := range names {
		file, err := in.readFile(dir, key, name)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// readVars gives the layers of variables, those that win last.
func (in *input) readVars(dir, key string, files []string, parse func(template.File) (map[string]any, error)) ([]map[string]any, error) {
	var layers []map[string]any
	for _, name := range files {
		file, err := in.readFile(dir, key, name)
		if err != nil {
			return nil, err
		}
		layer, err := parse(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		layers = append(layers, layer)
	}
	return layers, nil
}

// readFile reads a file below the build's directory.
func (in *input) readFile(dir, key, name string) (template.File, error) {
	path := filepath.Join(dir, name)
	if filepath.IsAbs(name) {
		path = name // a task image carries files of its own
	}
	text, err := file.Read(path, template.MaxText)
	if err != nil {
		return template.File{}, fmt.Errorf("%s: read the file: %w", key, err)
	}
	if len(text) > template.MaxText {
		return template.File{}, fmt.Errorf("%s: read the file: %s is larger than %d bytes", key, name, template.MaxText)
	}
	file := template.File{Name: name, Text: text}
	in.Notes = append(in.Notes, template.Repeated(file)...)
	return file, nil
}

// native makes numbers of JSON's number texts.
func native(value any) any {
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
			out[key] = native(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = native(item)
		}
		return out
	}
	return value
}
