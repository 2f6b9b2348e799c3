// Package template renders BOSH manifests and Concourse pipelines from a
// template, ops files and variables, as the bosh CLI does, and compares them.
package template

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/cloudfoundry/bosh-cli/v7/director/template"
	"github.com/cppforlife/go-patch/patch"
	yamlv2 "gopkg.in/yaml.v2" // the template engine's, whose maps its ops expect
)

// File is a text and the name that errors give it.
type File struct {
	Name string // "ops/scale.yml"
	Text []byte
}

// Template is what Render renders.
type Template struct {
	File
	OpsFiles []File
	Vars     []map[string]any // later maps win
	// Partial leaves variables without a value in place: for pipelines, whose
	// rest a credential manager fills in, and for directors with a config server.
	Partial bool
}

// ErrNoValue says that variables have no value; the error lists all of them.
var ErrNoValue = errors.New("no value for")

// Render applies the ops files in order and fills in the variables. It fails,
// naming the file, when the template is not YAML, an ops file does not apply,
// (with ErrNoValue) variables are missing, or (with ErrTooLarge) a text is, or
// would become, larger than any manifest.
func Render(t Template) ([]byte, error) {
	root, err := t.patched()
	if err != nil {
		return nil, err
	}
	vars := flatten(t.Vars)
	if err := grows(root, placeholder, func(ref string) (any, bool) { return lookUp(vars, ref) }); err != nil {
		return nil, fmt.Errorf("render %s: %w", t.Name, err)
	}
	lacking := leave(root, vars)
	patched, err := yamlv2.Marshal(root)
	if err != nil {
		return nil, fmt.Errorf("render %s: %w", t.Name, oneLine(err))
	}
	if t.Partial && len(vars) == 0 && !declares(root) {
		return patched, nil // the engine would read it and write it again
	}
	text, err := template.NewTemplate(patched).Evaluate(forEngine(vars), nil, template.EvaluateOpts{ExpectAllKeys: !t.Partial})
	if names := append(missing(err), lacking...); len(names) > 0 && !t.Partial {
		names = slices.DeleteFunc(names, func(name string) bool { return !refersTo(patched, name) })
		if slices.Sort(names); len(names) > 0 {
			return nil, fmt.Errorf("render %s: %w %s", t.Name, ErrNoValue, strings.Join(slices.Compact(names), ", "))
		}
		text, err = template.NewTemplate(patched).Evaluate(forEngine(vars), nil, template.EvaluateOpts{})
	}
	if err != nil {
		if m := noText.FindStringSubmatch(err.Error()); m != nil {
			return nil, fmt.Errorf("render %s: variable %s is part of a text, where its value can only be a text or a whole number", t.Name, m[1])
		}
		return nil, fmt.Errorf("render %s: %w", t.Name, oneLine(err))
	}
	return text, nil
}

// WithoutEmptyVariables leaves out the section variables of a rendered manifest if
// nothing is in it: it is there for ops files, and a director would show it as a change.
func WithoutEmptyVariables(text []byte) []byte {
	return bytes.Replace(text, []byte("\nvariables: []\n"), []byte("\n"), 1)
}

// declares says whether a document has the section variables, which the engine checks.
func declares(root any) bool {
	fields, _ := root.(map[any]any)
	_, is := fields["variables"]
	return is
}

// patched is the template with its ops files applied.
func (t Template) patched() (any, error) {
	if err := CheckText(t.Text); err != nil {
		return nil, fmt.Errorf("parse %s: %w", t.Name, err)
	}
	var root any
	if err := Decode(t.Text, &root); err != nil {
		return nil, fmt.Errorf("parse %s: %w", t.Name, err)
	}
	if _, ok := root.(map[any]any); !ok {
		return nil, fmt.Errorf("parse %s: want a YAML mapping", t.Name)
	}
	for _, file := range t.OpsFiles {
		var err error
		if root, err = apply(root, file); err != nil {
			return nil, err
		}
	}
	return root, nil
}

// apply applies one ops file.
func apply(root any, file File) (any, error) {
	if err := CheckText(file.Text); err != nil {
		return nil, fmt.Errorf("parse ops file %s: %w", file.Name, err)
	}
	var definitions []patch.OpDefinition
	if err := Decode(file.Text, &definitions); err != nil {
		return nil, fmt.Errorf("parse ops file %s: %w", file.Name, err)
	}
	for _, definition := range definitions { // the patcher writes each value out and reads it again
		if definition.Value == nil {
			continue
		}
		if err := Bounded(*definition.Value); err != nil {
			return nil, fmt.Errorf("parse ops file %s: %w", file.Name, err)
		}
	}
	ops, err := patch.NewOpsFromDefinitions(definitions)
	if err != nil {
		return nil, fmt.Errorf("parse ops file %s: %w", file.Name, oneLine(err))
	}
	root, err = ops.Apply(root)
	if err != nil {
		return nil, fmt.Errorf("apply ops file %s: %w", file.Name, oneLine(err))
	}
	if _, ok := root.(map[any]any); !ok {
		return nil, fmt.Errorf("apply ops file %s: its result is not a YAML mapping", file.Name)
	}
	return root, nil
}

// missingPrefix starts the engine's error about variables without a value.
const missingPrefix = "Expected to find variables:"

// noText matches the engine's error about a list, map or decimal inside a text.
// It shows the value, which may be a secret, so only the name is passed on.
var noText = regexp.MustCompile(`(?s)Invalid type '.*' and variable '([^']*)'`)

// missing takes the names out of the engine's error.
func missing(err error) []string {
	if err == nil {
		return nil
	}
	_, list, _ := strings.Cut(err.Error(), missingPrefix)
	return strings.Fields(list)
}

// leave gives members that the value of their variable does not have the variable
// itself for a value, and names them: the engine, which leaves a variable without a
// value in place, would fail for them.
func leave(root any, vars map[string]any) (lacking []string) {
	switch v := root.(type) {
	case string:
		for _, match := range placeholder.FindAllStringSubmatch(v, -1) {
			name, members := split(match[1])
			if value, has := vars[name]; has && len(members) > 0 && isMap(value) {
				if _, has := member(value, members); !has {
					lacking = append(lacking, match[1])
					set(vars, name, members, "(("+match[1]+"))")
				}
			}
		}
	case map[any]any:
		for key, item := range v {
			lacking = append(append(lacking, leave(key, vars)...), leave(item, vars)...)
		}
	case []any:
		for _, item := range v {
			lacking = append(lacking, leave(item, vars)...)
		}
	}
	return lacking
}

func isMap(value any) bool {
	switch value.(type) {
	case map[string]any, map[any]any:
		return true
	}
	return false
}

// forEngine gives the engine its variables.
func forEngine(vars map[string]any) engineVariables {
	all := engineVariables{}
	for name, value := range vars {
		all[name] = forYAML(value)
	}
	return all
}

// engineVariables are variables for the engine by names without dots. The engine's own
// type takes the names of all of them apart whenever it looks one up.
type engineVariables map[string]any

// Get implements template.Variables.
func (v engineVariables) Get(d template.VariableDefinition) (value any, found bool, err error) {
	value, found = v[d.Name]
	return value, found, nil
}

// List implements template.Variables.
func (v engineVariables) List() (list []template.VariableDefinition, err error) {
	for name := range v {
		list = append(list, template.VariableDefinition{Name: name})
	}
	return list, nil
}

// oneLine keeps an error's chain and puts its text on one line.
func oneLine(err error) error {
	if err == nil || !strings.Contains(err.Error(), "\n") {
		return err
	}
	return &lineError{err}
}

// lineError reads as one line what an engine's error says on several.
type lineError struct{ err error }

// Error implements error.
func (e *lineError) Error() string { return strings.Join(strings.Fields(e.err.Error()), " ") }

// Unwrap gives the engine's error.
func (e *lineError) Unwrap() error { return e.err }

// forYAML turns what JSON and YAML decoders give into what the engine's YAML
// library writes: nested maps with any keys.
func forYAML(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[any]any, len(v))
		for key, item := range v {
			out[key] = forYAML(item)
		}
		return out
	case map[any]any:
		out := make(map[any]any, len(v))
		for key, item := range v {
			out[key] = forYAML(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = forYAML(item)
		}
		return out
	}
	return value
}
