// Package template reads the templates of simulated stacks and evaluates them: parameters,
// conditions, functions, and the order in which resources depend on each other.
package template

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Template is a parsed template. Intrinsic functions are in their long form, as
// mappings with one key: {"Ref": "VPC"}, {"Fn::If": ["New", …]}.
type Template struct {
	Description string
	Parameters  map[string]Parameter
	Conditions  map[string]any
	Resources   map[string]Resource
	Order       []string // of the resources in the text
	Outputs     map[string]Output
}

// Parameter is one parameter of a template.
type Parameter struct {
	Type           string   `yaml:"Type"` // "String", "Number", "CommaDelimitedList"
	Description    string   `yaml:"Description"`
	Default        *string  `yaml:"Default"`
	AllowedPattern string   `yaml:"AllowedPattern"`
	AllowedValues  []string `yaml:"AllowedValues"`
	MinValue       *int     `yaml:"MinValue"`
	MaxValue       *int     `yaml:"MaxValue"`
	NoEcho         bool     `yaml:"NoEcho"`
}

// Resource is one resource of a template.
type Resource struct {
	Type                string
	Condition           string
	DependsOn           []string
	DeletionPolicy      string // "Snapshot"
	UpdateReplacePolicy string
	Metadata            map[string]any
	Properties          map[string]any
}

// Output is one output of a template.
type Output struct {
	Condition string
	Value     any
}

// Parse reads a template in YAML or JSON. It refuses what CloudFormation refuses:
// sections and attributes that it does not know, aliases, and merged keys.
func Parse(text []byte) (*Template, error) {
	var document yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&document); err != nil {
		return nil, fmt.Errorf("parse the template: %w", err)
	}
	if len(document.Content) != 1 || document.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("parse the template: it is not a mapping")
	}
	root := document.Content[0]
	t := &Template{Parameters: map[string]Parameter{}, Conditions: map[string]any{}, Resources: map[string]Resource{}, Outputs: map[string]Output{}}
	for i := 0; i < len(root.Content); i += 2 {
		if err := t.section(root.Content[i].Value, root.Content[i+1]); err != nil {
			return nil, fmt.Errorf("parse the template: %w", err)
		}
	}
	for name := range t.Parameters {
		if _, twice := t.Resources[name]; twice {
			return nil, fmt.Errorf("parse the template: %s is a parameter and a resource: logical names must be unique", name)
		}
	}
	if len(t.Resources) == 0 {
		return nil, errors.New("parse the template: at least one resource must be in it")
	}
	return t, nil
}

// section reads one section of the template.
func (t *Template) section(name string, body *yaml.Node) error {
	switch name {
	case "AWSTemplateFormatVersion", "Metadata":
		return nil
	case "Description":
		return body.Decode(&t.Description)
	case "Parameters":
		return body.Decode(&t.Parameters)
	case "Conditions", "Resources", "Outputs":
		if body.Kind != yaml.MappingNode {
			return fmt.Errorf("line %d: %s is not a mapping", body.Line, name)
		}
		for i := 0; i < len(body.Content); i += 2 {
			key := body.Content[i].Value
			value, err := plain(body.Content[i+1])
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			if err := t.entry(name, key, value); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
		return nil
	}
	return fmt.Errorf("line %d: unknown section %s", body.Line, name)
}

// entry keeps one entry of a section.
func (t *Template) entry(section, key string, value any) error {
	if section == "Conditions" {
		t.Conditions[key] = value
		return nil
	}
	body, ok := value.(map[string]any)
	if !ok {
		return errors.New("it is not a mapping")
	}
	if section == "Outputs" {
		condition, _ := body["Condition"].(string)
		if body["Value"] == nil {
			return errors.New("it has no Value")
		}
		t.Outputs[key] = Output{Condition: condition, Value: body["Value"]}
		return nil
	}
	r, err := newResource(body)
	if err == nil {
		t.Resources[key], t.Order = r, append(t.Order, key)
	}
	return err
}

// newResource reads a resource.
func newResource(body map[string]any) (r Resource, err error) {
	for attribute, value := range body {
		text, _ := value.(string)
		mapping, _ := value.(map[string]any)
		switch attribute {
		case "Type":
			r.Type = text
		case "Condition":
			r.Condition = text
		case "DeletionPolicy":
			r.DeletionPolicy = text
		case "UpdateReplacePolicy":
			r.UpdateReplacePolicy = text
		case "Metadata":
			r.Metadata = mapping
		case "Properties":
			r.Properties = mapping
		case "DependsOn":
			list, _ := value.([]any)
			if text != "" {
				list = []any{text}
			}
			for _, name := range list {
				r.DependsOn = append(r.DependsOn, fmt.Sprint(name))
			}
		default:
			return r, fmt.Errorf("unknown attribute %s", attribute)
		}
	}
	if !strings.Contains(r.Type, "::") {
		return r, fmt.Errorf("%q is not a resource type", r.Type)
	}
	return r, nil
}

// shortForms are the tags of YAML for intrinsic functions.
var shortForms = map[string]string{
	"!Ref": "Ref", "!Condition": "Condition", "!GetAtt": "Fn::GetAtt", "!Sub": "Fn::Sub", "!If": "Fn::If", "!Equals": "Fn::Equals",
	"!Not": "Fn::Not", "!And": "Fn::And", "!Or": "Fn::Or", "!Join": "Fn::Join", "!Select": "Fn::Select", "!Split": "Fn::Split",
}

// plain makes mappings, lists and scalars of a node. Scalars become strings, as
// CloudFormation treats them, except true and false.
func plain(n *yaml.Node) (any, error) {
	var value any
	switch n.Kind {
	case yaml.AliasNode:
		return nil, fmt.Errorf("line %d: YAML aliases are not supported in CloudFormation templates", n.Line)
	case yaml.ScalarNode:
		value = n.Value
		if n.Tag == "!!bool" {
			value = n.Value == "true"
		}
		if n.Tag == "!!null" {
			return nil, fmt.Errorf("line %d: null values are not allowed in templates", n.Line)
		}
	case yaml.SequenceNode:
		list := []any{}
		for _, c := range n.Content {
			item, err := plain(c)
			if err != nil {
				return nil, err
			}
			list = append(list, item)
		}
		value = list
	case yaml.MappingNode:
		mapping, err := plainMapping(n)
		if err != nil {
			return nil, err
		}
		value = mapping
	}
	if !strings.HasPrefix(n.Tag, "!") || strings.HasPrefix(n.Tag, "!!") {
		return value, nil
	}
	function, ok := shortForms[n.Tag]
	if !ok {
		return nil, fmt.Errorf("line %d: unknown function %s", n.Line, n.Tag)
	}
	if text, ok := value.(string); ok && function == "Fn::GetAtt" {
		resource, attribute, _ := strings.Cut(text, ".")
		value = []any{resource, attribute}
	}
	return map[string]any{function: value}, nil
}

// plainMapping reads a mapping.
func plainMapping(n *yaml.Node) (map[string]any, error) {
	out := map[string]any{}
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Tag == "!!merge" || n.Anchor != "" {
			return nil, fmt.Errorf("line %d: YAML anchors are not supported in CloudFormation templates", key.Line)
		}
		if _, twice := out[key.Value]; twice {
			return nil, fmt.Errorf("line %d: %s is there twice", key.Line, key.Value)
		}
		value, err := plain(n.Content[i+1])
		if err != nil {
			return nil, err
		}
		out[key.Value] = value
	}
	return out, nil
}

// function gives the name and the argument if a value is an intrinsic function.
func function(value any) (name string, argument any, ok bool) {
	mapping, isMapping := value.(map[string]any)
	if !isMapping || len(mapping) != 1 {
		return "", nil, false
	}
	for name, argument = range mapping {
	}
	return name, argument, name == "Ref" || strings.HasPrefix(name, "Fn::") || name == "Condition" && isText(argument)
}

func isText(v any) bool { _, ok := v.(string); return ok }

// Walk calls visit for every intrinsic function within a value, outer ones first.
// Fn::Sub is followed by the references in its text, as Ref and Fn::GetAtt.
func Walk(value any, visit func(function string, argument any)) {
	name, argument, ok := function(value)
	if ok {
		visit(name, argument)
		if name == "Fn::Sub" {
			for _, ref := range substitutions(argument) {
				visitReference(ref, visit)
			}
		}
		value = argument
	}
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			Walk(item, visit)
		}
	case map[string]any:
		for _, key := range SortedKeys(v) {
			Walk(v[key], visit)
		}
	}
}

// visitReference tells of ${NAME} or ${NAME.ATTRIBUTE}.
func visitReference(ref string, visit func(string, any)) {
	if resource, attribute, found := strings.Cut(ref, "."); found {
		visit("Fn::GetAtt", []any{resource, attribute})
	} else {
		visit("Ref", ref)
	}
}

// substitutions are the names in the text of a Fn::Sub that its own list of values
// does not give.
func substitutions(argument any) []string {
	text, own := subParts(argument)
	var out []string
	for rest := text; ; {
		_, after, found := strings.Cut(rest, "${")
		name, tail, closed := strings.Cut(after, "}")
		if !found || !closed {
			return out
		}
		if _, given := own[name]; !given && !strings.HasPrefix(name, "!") {
			out = append(out, name)
		}
		rest = tail
	}
}

// subParts takes the argument of Fn::Sub apart.
func subParts(argument any) (text string, own map[string]any) {
	if list, ok := argument.([]any); ok && len(list) == 2 {
		text, _ = list[0].(string)
		own, _ = list[1].(map[string]any)
		return text, own
	}
	text, _ = argument.(string)
	return text, nil
}

// SortedKeys makes iteration repeatable.
func SortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for key := range m {
		out = append(out, key)
	}
	slices.Sort(out)
	return out
}
