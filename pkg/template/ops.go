package template

import (
	"fmt"

	"gopkg.in/yaml.v3"
)

// Operation is one item of an ops file.
type Operation struct {
	Type  string `yaml:"type"`            // "replace"
	Path  string `yaml:"path"`            // "/instance_groups/name=web/jobs/name=web/properties/github_auth?"
	Value any    `yaml:"value,omitempty"` // of a replace
}

// Replace is the operation that gives the place at a path a value.
func Replace(path string, value any) Operation {
	return Operation{Type: "replace", Path: path, Value: value}
}

// Ops writes operations as an ops file, which errors call "the ops of NAME".
func Ops(name string, operations ...Operation) (File, error) {
	text, err := yaml.Marshal(operations)
	if err != nil {
		return File{}, fmt.Errorf("write the ops of %s: %w", name, err)
	}
	return File{Name: "the ops of " + name, Text: text}, nil
}
