// Package document reads, compares and writes YAML as a director does: in the order of
// keys and the styles of Ruby's parser, and with the diffs that the director shows.
package document

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// A YAML document is kept as mapping, []any and scalar values, because the
// director's diffs and dumps keep the order of keys and the kind of scalars.
type (
	Mapping []field
	field   struct {
		Key   string
		Value any
	}
	// Scalar is a value as text; str says that it is a string and not a number, a bool or null.
	Scalar struct {
		Text string
		str  bool
	}
)

// String is a string.
func String(text string) Scalar { return Scalar{text, true} }

// maxNodes bounds a document with its aliases expanded.
const maxNodes = 2_000_000

var errTooBig = errors.New("read YAML: document too large")

// Parse reads one document.
func Parse(text []byte) (any, error) {
	var n yaml.Node
	if err := yaml.Unmarshal(text, &n); err != nil {
		return nil, err
	}
	budget := maxNodes
	return fromNode(&n, &budget, 0)
}

func fromNode(n *yaml.Node, budget *int, depth int) (any, error) {
	if *budget--; *budget < 0 || depth > 500 {
		return nil, errTooBig
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return fromNode(n.Content[0], budget, depth+1)
	case yaml.AliasNode:
		return fromNode(n.Alias, budget, depth+1)
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, child := range n.Content {
			v, err := fromNode(child, budget, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.MappingNode:
		return fromMapping(n, budget, depth)
	case yaml.ScalarNode:
		return fromScalar(n), nil
	}
	return Scalar{}, nil
}

func fromMapping(n *yaml.Node, budget *int, depth int) (any, error) {
	m := make(Mapping, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		v, err := fromNode(n.Content[i+1], budget, depth+1)
		if err != nil {
			return nil, err
		}
		if inner, ok := v.(Mapping); ok && n.Content[i].Tag == "!!merge" {
			for _, f := range inner {
				if !m.Has(f.Key) {
					m = append(m, f)
				}
			}
			continue
		}
		m = m.With(n.Content[i].Value, v)
	}
	return m, nil
}

func fromScalar(n *yaml.Node) Scalar {
	if n.Tag == "!!str" || n.Tag == "!!binary" {
		return Scalar{n.Value, true}
	}
	if n.Tag == "!!null" {
		return Scalar{}
	}
	return Scalar{n.Value, false}
}

func (m Mapping) index(key string) int {
	return slices.IndexFunc(m, func(f field) bool { return f.Key == key })
}

// Has says whether there is a key, whatever its value.
func (m Mapping) Has(key string) bool { return m.index(key) >= 0 }

// Get gives a value, nil if it is absent or null.
func (m Mapping) Get(key string) any {
	if i := m.index(key); i >= 0 && m[i].Value != (any)(Scalar{}) {
		return m[i].Value
	}
	return nil
}

// With gives the mapping with a value set; m itself may be changed.
func (m Mapping) With(key string, value any) Mapping {
	if i := m.index(key); i >= 0 {
		m[i].Value = value
		return m
	}
	return append(m, field{key, value})
}

// Merge gives m with what other has on top, keeping m's order.
func (m Mapping) Merge(other Mapping) Mapping {
	merged := slices.Clone(m)
	for _, f := range other {
		merged = merged.With(f.Key, f.Value)
	}
	return merged
}

// Text gives a scalar as text, "" if it is absent.
func (m Mapping) Text(key string) string {
	s, _ := m.Get(key).(Scalar)
	return s.Text
}

// Maps gives the mappings of a list.
func (m Mapping) Maps(key string) []Mapping {
	list, _ := m.Get(key).([]any)
	var found []Mapping
	for _, v := range list {
		if inner, ok := v.(Mapping); ok {
			found = append(found, inner)
		}
	}
	return found
}

// Texts gives the scalars of a list.
func (m Mapping) Texts(key string) []string {
	list, _ := m.Get(key).([]any)
	var found []string
	for _, v := range list {
		if s, ok := v.(Scalar); ok {
			found = append(found, s.Text)
		}
	}
	return found
}

// Number gives an integer, otherwise if it is absent or none.
func (m Mapping) Number(key string, otherwise int) int {
	if n, err := strconv.Atoi(m.Text(key)); err == nil {
		return n
	}
	return otherwise
}

// Clone copies a document, so that a change of the copy leaves it alone.
func Clone(v any) any {
	switch v := v.(type) {
	case Mapping:
		m := make(Mapping, len(v))
		for i, f := range v {
			m[i] = field{f.Key, Clone(f.Value)}
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = Clone(e)
		}
		return list
	}
	return v
}

// equal compares documents; the order of keys does not matter.
func equal(a, b any) bool {
	switch a := a.(type) {
	case Mapping:
		b, ok := b.(Mapping)
		if !ok || len(a) != len(b) {
			return false
		}
		for _, f := range a {
			i := b.index(f.Key)
			if i < 0 || !equal(f.Value, b[i].Value) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equal)
	}
	switch b.(type) {
	case Mapping, []any:
		return false
	}
	return a == b
}

// Inspect is a document as Ruby prints it in messages: {"name"=>"dep2"}.
func Inspect(v any) string {
	var parts []string
	switch v := v.(type) {
	case Mapping:
		for _, f := range v {
			parts = append(parts, fmt.Sprintf("%q=>%s", f.Key, Inspect(f.Value)))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		for _, e := range v {
			parts = append(parts, Inspect(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case Scalar:
		if v.str {
			return strconv.Quote(v.Text)
		}
		if v.Text != "" {
			return v.Text
		}
	}
	return "nil"
}

var yamlPlace = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// Psych is an error of the YAML parser as Ruby's words it, as far as the parsers agree.
func Psych(err error) string {
	place := yamlPlace.FindStringSubmatch(err.Error())
	line := 1
	if len(place) > 1 && place[1] != "" {
		line, _ = strconv.Atoi(place[1])
	}
	return fmt.Sprintf("(<unknown>): %s at line %d column 1", strings.TrimPrefix(err.Error(), place[0]), line+1)
}
