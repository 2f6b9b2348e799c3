package director

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
	mapping []field
	field   struct {
		key   string
		value any
	}
	// scalar is a value as text; str says that it is a string and not a number, a bool or null.
	scalar struct {
		text string
		str  bool
	}
)

// str is a string.
func str(text string) scalar { return scalar{text, true} }

// maxNodes bounds a document with its aliases expanded.
const maxNodes = 2_000_000

var errTooBig = errors.New("read YAML: document too large")

// parseYAML reads one document.
func parseYAML(text []byte) (any, error) {
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
	return scalar{}, nil
}

func fromMapping(n *yaml.Node, budget *int, depth int) (any, error) {
	m := make(mapping, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		v, err := fromNode(n.Content[i+1], budget, depth+1)
		if err != nil {
			return nil, err
		}
		if inner, ok := v.(mapping); ok && n.Content[i].Tag == "!!merge" {
			for _, f := range inner {
				if !m.has(f.key) {
					m = append(m, f)
				}
			}
			continue
		}
		m = m.with(n.Content[i].Value, v)
	}
	return m, nil
}

func fromScalar(n *yaml.Node) scalar {
	if n.Tag == "!!str" || n.Tag == "!!binary" {
		return scalar{n.Value, true}
	}
	if n.Tag == "!!null" {
		return scalar{}
	}
	return scalar{n.Value, false}
}

func (m mapping) index(key string) int {
	return slices.IndexFunc(m, func(f field) bool { return f.key == key })
}

func (m mapping) has(key string) bool { return m.index(key) >= 0 }

// get gives a value, nil if it is absent or null.
func (m mapping) get(key string) any {
	if i := m.index(key); i >= 0 && m[i].value != (any)(scalar{}) {
		return m[i].value
	}
	return nil
}

// with gives the mapping with a value set; m itself may be changed.
func (m mapping) with(key string, value any) mapping {
	if i := m.index(key); i >= 0 {
		m[i].value = value
		return m
	}
	return append(m, field{key, value})
}

// merge gives m with what other has on top, keeping m's order.
func (m mapping) merge(other mapping) mapping {
	merged := slices.Clone(m)
	for _, f := range other {
		merged = merged.with(f.key, f.value)
	}
	return merged
}

// text gives a scalar as text, "" if it is absent.
func (m mapping) text(key string) string {
	s, _ := m.get(key).(scalar)
	return s.text
}

// maps gives the mappings of a list.
func (m mapping) maps(key string) []mapping {
	list, _ := m.get(key).([]any)
	var found []mapping
	for _, v := range list {
		if inner, ok := v.(mapping); ok {
			found = append(found, inner)
		}
	}
	return found
}

// texts gives the scalars of a list.
func (m mapping) texts(key string) []string {
	list, _ := m.get(key).([]any)
	var found []string
	for _, v := range list {
		if s, ok := v.(scalar); ok {
			found = append(found, s.text)
		}
	}
	return found
}

// number gives an integer, otherwise if it is absent or none.
func (m mapping) number(key string, otherwise int) int {
	if n, err := strconv.Atoi(m.text(key)); err == nil {
		return n
	}
	return otherwise
}

// clone copies a document, so that a change of the copy leaves it alone.
func clone(v any) any {
	switch v := v.(type) {
	case mapping:
		m := make(mapping, len(v))
		for i, f := range v {
			m[i] = field{f.key, clone(f.value)}
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = clone(e)
		}
		return list
	}
	return v
}

// equal compares documents; the order of keys does not matter.
func equal(a, b any) bool {
	switch a := a.(type) {
	case mapping:
		b, ok := b.(mapping)
		if !ok || len(a) != len(b) {
			return false
		}
		for _, f := range a {
			i := b.index(f.key)
			if i < 0 || !equal(f.value, b[i].value) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equal)
	}
	switch b.(type) {
	case mapping, []any:
		return false
	}
	return a == b
}

// inspect is a document as Ruby prints it in messages: {"name"=>"dep2"}.
func inspect(v any) string {
	var parts []string
	switch v := v.(type) {
	case mapping:
		for _, f := range v {
			parts = append(parts, fmt.Sprintf("%q=>%s", f.key, inspect(f.value)))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		for _, e := range v {
			parts = append(parts, inspect(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case scalar:
		if v.str {
			return strconv.Quote(v.text)
		}
		if v.text != "" {
			return v.text
		}
	}
	return "nil"
}

var yamlPlace = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// psych is an error of the YAML parser as Ruby's words it, as far as the parsers agree.
func psych(err error) string {
	place := yamlPlace.FindStringSubmatch(err.Error())
	line := 1
	if len(place) > 1 && place[1] != "" {
		line, _ = strconv.Atoi(place[1])
	}
	return fmt.Sprintf("(<unknown>): %s at line %d column 1", strings.TrimPrefix(err.Error(), place[0]), line+1)
}
