package template

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"

	yamlv2 "gopkg.in/yaml.v2" // that of the bosh CLI: YAML 1.1, and dates are texts
	"gopkg.in/yaml.v3"
)

// Decode reads a YAML text into what into points to, as the bosh CLI reads
// manifests, ops files and vars files: yes, no, on and off are booleans, a date is
// a text, and of two equal keys the last one counts. An error is one line, and
// names that of the text. Where the same text is wanted in several forms, it is
// parsed once for all of them, and the first that does not take it gives the error.
func Decode(text []byte, into ...any) error {
	err := yamlv2.Unmarshal(text, (*forms)(&into))
	if err == nil {
		return nil
	}
	if m := firstLine.FindStringSubmatch(err.Error()); m != nil {
		return fmt.Errorf("yaml: line 1: %s", m[1])
	}
	return oneLine(err)
}

// forms are what one text is decoded into. Parsing takes most of the time of decoding.
type forms []any

// UnmarshalYAML implements the library's Unmarshaler. It is not called for a text that is
// empty, ~ or null, which leaves all forms as they are.
func (f *forms) UnmarshalYAML(unmarshal func(any) error) error {
	for _, form := range *f {
		if err := unmarshal(form); err != nil {
			return err
		}
	}
	return nil
}

// firstLine matches a syntax error for which the library names no line: it counts
// from 0, and leaves that out.
var firstLine = regexp.MustCompile(`^yaml: ((?:found|did not find|could not find|mapping values|block) .*)$`)

// decode is Decode for a value of any kind. Mappings have keys of type string
// where all keys are texts; y and n are none.
func decode(text []byte) (any, error) {
	var root any
	if err := Decode(text, &root); err != nil {
		return nil, err
	}
	return TextKeys(root), nil
}

// TextKeys gives mappings keys of type string where all keys are texts. It changes value.
func TextKeys(value any) any {
	switch v := value.(type) {
	case map[any]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			v[key] = TextKeys(item)
			if text, isText := key.(string); isText {
				out[text] = v[key]
			}
		}
		if len(out) == len(v) {
			return out
		}
	case map[string]any:
		for key, item := range v {
			v[key] = TextKeys(item)
		}
	case []any:
		for i, item := range v {
			v[i] = TextKeys(item)
		}
	}
	return value
}

// Vars reads a file of variables as the bosh CLI does. An empty one has none. The
// error names no value: it may be a secret.
func Vars(f File) (map[string]any, error) {
	layer := map[string]any{}
	if err := CheckText(f.Text); err != nil {
		return nil, fmt.Errorf("parse %s: %w", f.Name, err)
	}
	if err := Decode(f.Text, &layer); err != nil {
		return nil, fmt.Errorf("parse %s: %w", f.Name, noMapping(err, "a YAML mapping of variables"))
	}
	if err := Bounded(layer); err != nil {
		return nil, fmt.Errorf("parse %s: %w", f.Name, err)
	}
	if layer == nil { // a text of null
		return map[string]any{}, nil
	}
	return TextKeys(layer).(map[string]any), nil
}

// Mapping wants a text to be a YAML mapping, as BOSH's configs are.
func Mapping(f File) error {
	var root map[any]any
	if err := Decode(f.Text, &root); err != nil {
		return fmt.Errorf("parse %s: %w", f.Name, noMapping(err, "a YAML mapping"))
	}
	if root == nil {
		return fmt.Errorf("parse %s: want a YAML mapping, it is empty", f.Name)
	}
	return nil
}

// typeLine begins what the library says of a value of another kind. The rest shows
// the value.
var typeLine = regexp.MustCompile(`^line (\d+): `)

// noMapping replaces the library's error about a value of another kind.
func noMapping(err error, want string) error {
	var kind *yamlv2.TypeError
	if !errors.As(err, &kind) {
		return err
	}
	if m := typeLine.FindStringSubmatch(kind.Errors[0]); m != nil {
		return fmt.Errorf("line %s: want %s", m[1], want)
	}
	return fmt.Errorf("want %s", want)
}

// Repeated names the keys that a file has twice in one mapping. The last one
// counts, which nobody sees who has written both: it is worth a word.
func Repeated(f File) []string {
	var document yaml.Node
	if len(f.Text) > MaxText || yaml.Unmarshal(f.Text, &document) != nil {
		return nil // whoever reads the file says what is wrong
	}
	var notes []string
	var walk func(*yaml.Node)
	walk = func(node *yaml.Node) { // an alias has no content of its own
		if node.Kind == yaml.MappingNode {
			notes = append(notes, repeated(f.Name, node)...)
		}
		for _, part := range node.Content {
			walk(part)
		}
	}
	walk(&document)
	return notes
}

// repeated is Repeated for one mapping.
func repeated(name string, mapping *yaml.Node) []string {
	var notes []string
	lines := map[string]int{}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key := mapping.Content[i]
		if key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge" {
			continue
		}
		if line, twice := lines[key.Value]; twice {
			notes = append(notes, fmt.Sprintf("%s: line %d: duplicate key %s, of which the last one counts; the first is on line %d",
				name, key.Line, strconv.Quote(key.Value), line))
			continue
		}
		lines[key.Value] = key.Line
	}
	return notes
}
