package schema

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"

	yamlv2 "gopkg.in/yaml.v2" // the bosh CLI's
	"gopkg.in/yaml.v3"
)

// Bounds of a file that people write by hand, with much room.
const (
	maxFile    = 1 << 20
	maxAliases = 100   // uses of anchors
	maxNodes   = 20000 // values, each alias counted as often as it is used
	maxDepth   = 50
)

// Reading is what is in a file.
type Reading struct {
	Tree     map[string]any // what the file says, as plain values; it fits the schema
	Nulls    []string       // the keys that are null in so many words: "workers.tags"
	Source   *Source        // never nil
	Problems Problems       // what is left out of Tree, in the order of the file
}

// Read reads the text of a file; name is what errors call it. Every key is known, and
// every value has its type and form, or it is in Problems. It fails where the text is
// not YAML.
func (s *Schema) Read(name string, text []byte) (Reading, error) {
	r := &reader{Schema: s, Source: Source{name: name, lines: map[string]int{}, given: map[string]string{}}}
	out := Reading{Tree: map[string]any{}, Source: &r.Source}
	root, line, problem := s.load(text)
	if problem != "" {
		return out, Problems{{File: name, Line: line, Text: problem}}
	}
	if root != nil {
		out.Tree = r.mapping(root, "", s.root, 0)
	}
	pruned, err := s.Prune(out.Tree)
	if err != nil {
		return out, err
	}
	out.Nulls, out.Problems = r.nulls, r.Locate(append(r.problems, r.causeless(pruned)...))
	SortByLine(out.Problems)
	return out, nil
}

// causeless are those of the problems with a tree that do not follow from what the
// reader has left out of it: a list, for one, of which no item could be read is empty.
func (r *reader) causeless(problems Problems) Problems {
	if r.nodes > maxNodes || r.aliases > maxAliases {
		return nil // it has left out the rest
	}
	return slices.DeleteFunc(slices.Clone(problems), func(p Problem) bool {
		return r.problems.About(p.Key) || slices.ContainsFunc(r.problems, func(left Problem) bool { return Problems{p}.About(left.Key) })
	})
}

// load parses text as one YAML document that is a mapping; nil when there is
// nothing but comments in it. Otherwise it says what is wrong on which line.
func (s *Schema) load(text []byte) (root *yaml.Node, line int, problem string) {
	if len(text) > maxFile {
		return nil, 0, fmt.Sprintf("is larger than %d bytes; this is not a %s", maxFile, s.File)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, 0, ""
	case err != nil:
		line, problem = syntax(text, err)
		return nil, line, problem
	}
	var second yaml.Node
	switch err := decoder.Decode(&second); {
	case err == nil:
		return nil, second.Line, "begins a second document; a " + s.File + " is one"
	case !errors.Is(err, io.EOF):
		line, problem = syntax(text, err)
		return nil, line, problem
	}
	if len(document.Content) != 1 {
		return nil, 0, ""
	}
	root = document.Content[0]
	if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
		return nil, 0, ""
	}
	if root.Kind != yaml.MappingNode {
		return nil, root.Line, fmt.Sprintf("want keys and values such as %q, got %s", s.Sample, nodeKind(root))
	}
	return root, 0, ""
}

// reader turns YAML nodes into a tree of plain values, and notes on the way where
// each key is and what is wrong.
type reader struct {
	*Schema
	Source
	nulls    []string
	problems Problems

	nodes, aliases int
}

// wrong notes a problem at a node.
func (r *reader) wrong(n *yaml.Node, key, format string, args ...any) {
	r.problems = append(r.problems, Problem{Key: key, File: r.name, Line: n.Line, Text: fmt.Sprintf(format, args...)})
}

// mapping reads the mapping n, which is at key.
func (r *reader) mapping(n *yaml.Node, key string, rule *Rule, depth int) map[string]any {
	out := map[string]any{}
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Kind != yaml.ScalarNode || k.ShortTag() == "!!merge" {
			r.wrong(k, key, "want plain keys, got %s", nodeKind(k))
			continue
		}
		at := Join(key, k.Value)
		if at == "" { // which would be the file as a whole
			r.wrong(k, at, "want plain keys, got an empty one")
			continue
		}
		if line, twice := first[k.Value]; twice {
			r.wrong(k, at, "duplicate key; the first is on line %d", line)
			continue
		}
		first[k.Value] = k.Line
		r.lines[at] = k.Line
		below := rule.below(k.Value)
		if below != nil && rule.Section() && v.Kind == yaml.ScalarNode && v.ShortTag() == "!!null" {
			r.null(v, at, below)
			continue
		}
		if value, ok := r.value(v, at, below, depth+1); ok {
			out[k.Value] = value
		}
	}
	return out
}

// null reads a key without a value. A section whose keys are all commented out is as
// if it were not there; null in so many words asks for the default.
func (r *reader) null(n *yaml.Node, key string, rule *Rule) {
	switch {
	case n.Value != "":
		r.nulls = append(r.nulls, key)
	case !rule.Section():
		r.wrong(n, key, "has no value; leave the key out to keep the value that it had, or write null for the default")
		r.problems[len(r.problems)-1].Line = r.lines[key]
	}
}

// value reads any node.
func (r *reader) value(n *yaml.Node, key string, rule *Rule, depth int) (any, bool) {
	if r.nodes++; r.nodes > maxNodes || depth > maxDepth {
		if r.nodes <= maxNodes+1 {
			r.wrong(n, key, "is too much: want at most %d values, %d deep", maxNodes, maxDepth)
		}
		r.nodes = maxNodes + 1 // one such problem is enough
		return nil, false
	}
	switch n.Kind {
	case yaml.AliasNode:
		if r.aliases++; r.aliases > maxAliases {
			if r.aliases == maxAliases+1 {
				r.wrong(n, key, "is one alias too many, since 100 are the most; write the values out")
			}
			return nil, false
		}
		return r.value(n.Alias, key, rule, depth+1)
	case yaml.MappingNode:
		return r.mapping(n, key, rule, depth), true
	case yaml.SequenceNode:
		items := make([]any, 0, len(n.Content))
		for i, item := range n.Content {
			at := fmt.Sprintf("%s[%d]", key, i)
			r.lines[at] = item.Line
			// What cannot be read leaves its place empty: the others keep their numbers, and
			// with a rule for items the list goes as a whole.
			value, _ := r.value(item, at, rule.below(""), depth+1)
			items = append(items, value)
		}
		return items, true
	}
	return r.scalar(n, key)
}

// scalar reads a single value. Dates stay the text that they are.
func (r *reader) scalar(n *yaml.Node, key string) (any, bool) {
	if value, ok := r.yaml11(n, key); ok {
		return value, true
	}
	tag := n.ShortTag()
	switch tag {
	case "!!str", "!!timestamp":
		return n.Value, true
	case "!!null":
		return nil, true
	case "!!bool", "!!int", "!!float":
		var value any
		if err := n.Decode(&value); err != nil {
			r.wrong(n, key, "is not of its type %s", tag)
			return nil, false
		}
		if number, isFloat := value.(float64); isFloat && (math.IsInf(number, 0) || math.IsNaN(number)) {
			r.wrong(n, key, "want a finite number")
			return nil, false
		}
		return value, true
	}
	r.wrong(n, key, "has the YAML type %s, which is not supported", strings.ReplaceAll(tag, "\n", " "))
	return nil, false
}

// yaml11 reads a value below the key of Options.YAML11 as the bosh CLI does: yes and no
// are booleans there.
func (r *reader) yaml11(n *yaml.Node, key string) (value any, ok bool) {
	if n.Style != 0 || r.YAML11 == "" || !strings.HasPrefix(key, r.YAML11+".") {
		return nil, false // what has quotes or a tag means the same everywhere
	}
	if yamlv2.Unmarshal([]byte(n.Value), &value) != nil {
		return nil, false
	}
	switch value.(type) {
	case bool, int:
		return value, true
	}
	return n.Value, reflect.ValueOf(value).Kind() == reflect.String
}

// nodeKind names what a node is.
func nodeKind(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.MappingNode:
		return "keys and values"
	case n.Kind == yaml.AliasNode:
		return "an alias"
	case n.ShortTag() == "!!merge":
		return "the merge key <<"
	}
	return "a single value"
}
