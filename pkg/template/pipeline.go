package template

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/concourse/concourse/vars"
	yamlv2 "gopkg.in/yaml.v2" // what Concourse's templates read
	"sigs.k8s.io/yaml"        // what fly reads vars files with
)

// Pipeline is what RenderPipeline renders. The variables are those of fly, in its
// order: instance vars over vars over the vars files, of which the later ones win.
type Pipeline struct {
	File
	OpsFiles     []File
	Defaults     []map[string]any // for what nobody gives; later maps win
	VarsFiles    []map[string]any // fly's -l
	Vars         map[string]any   // fly's -y: a name with dots sets a member
	InstanceVars map[string]any   // fly's -i
}

// RenderPipeline applies the ops files in order and fills in the variables as fly
// set-pipeline does, by Concourse's own template engine. What has no value stays a
// ((variable)) for Concourse's credential managers.
func RenderPipeline(p Pipeline) ([]byte, error) {
	given, err := p.given()
	if err != nil {
		return nil, err
	}
	t := Template{File: p.File, OpsFiles: p.OpsFiles}
	if len(t.Text) <= MaxText && vars.PresentDeprecated(t.Text) { // {{of old}}
		if t.Text, err = vars.NewTemplateResolver(t.Text, given).ResolveDeprecated(false); err != nil {
			return nil, fmt.Errorf("render %s: %w", p.Name, oneLine(err))
		}
	}
	root, err := t.patched()
	if err != nil {
		return nil, err
	}
	values := vars.NewMultiVars(append(given, defaults(p.Defaults)))
	if err := grows(root, flyVariable, func(name string) (any, bool) {
		ref, err := vars.ParseReference(name)
		if err != nil {
			return nil, false
		}
		value, found, err := values.Get(ref)
		return value, found && err == nil
	}); err != nil {
		return nil, fmt.Errorf("render %s: %w", p.Name, err)
	}
	text, err := yamlv2.Marshal(root)
	if err != nil {
		return nil, fmt.Errorf("render %s: %w", p.Name, oneLine(err))
	}
	if text, err = vars.NewTemplate(text).Evaluate(values, vars.EvaluateOpts{}); err != nil {
		return nil, fmt.Errorf("render %s: %w", p.Name, oneLine(err))
	}
	return text, nil
}

// flyVariable is what Concourse takes for a variable.
var flyVariable = regexp.MustCompile(`\(\(((?:[-/\.\w\pL]+\:)?[-/\.:@"\w\pL]+)\)\)`)

// given are the variables that people give, those first that win.
func (p Pipeline) given() ([]vars.Variables, error) {
	var pairs vars.KVPairs
	for _, name := range slices.Sorted(maps.Keys(p.Vars)) { // a before a.b
		ref, err := vars.ParseReference(name)
		if err != nil {
			return nil, fmt.Errorf("render %s: %w", p.Name, err)
		}
		pairs = append(pairs, vars.KVPair{Ref: ref, Value: p.Vars[name]})
	}
	pairs = append(pairs, vars.StaticVariables(p.InstanceVars).Flatten()...)
	given := []vars.Variables{
		pairs.Expand(),
		defaults{p.Vars}, // (("a.b")), as the vars of a set_pipeline step fill it in
	}
	for _, layer := range slices.Backward(p.VarsFiles) {
		given = append(given, vars.StaticVariables(layer))
	}
	return given, nil
}

// defaults are layers of variables of which the later ones win. A member that a
// variable does not have stays in place: nobody has given the variable this time.
type defaults []map[string]any

// Get implements vars.Variables.
func (d defaults) Get(ref vars.Reference) (any, bool, error) {
	for _, layer := range slices.Backward(d) {
		if value, found, err := vars.StaticVariables(layer).Get(ref); found && err == nil {
			return value, true, nil
		}
	}
	return nil, false, nil
}

// List implements vars.Variables.
func (d defaults) List() ([]vars.Reference, error) { return nil, nil }

// PipelineVars reads a file of variables as fly does for -l, but for the names: a
// variable y is y, where fly takes it for true. The error names no value.
func PipelineVars(f File) (map[string]any, error) {
	layer, err := Vars(f)
	if err != nil {
		return nil, err
	}
	text, err := yamlv2.Marshal(layer) // with quotes around such names
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", f.Name, oneLine(err))
	}
	value, err := PipelineValue(text)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", f.Name, err)
	}
	layer, _ = value.(map[string]any)
	return layer, nil
}

// PipelineValue reads a value as fly does for -y.
func PipelineValue(text []byte) (value any, err error) {
	exact := func(d *json.Decoder) *json.Decoder { d.UseNumber(); return d }
	if err := yaml.Unmarshal(text, &value, exact); err != nil {
		if inner := errors.Unwrap(err); inner != nil {
			err = inner // without "error converting YAML to JSON: "
		}
		return nil, errors.New(strings.TrimPrefix(oneLine(err).Error(), "while decoding JSON: "))
	}
	return value, nil
}
