package schema

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/perpetual-ci/perpetual/pkg/nearest"
)

// Check holds a tree against the schema. Values of secrets are in no problem.
func (s *Schema) Check(content map[string]any) (Problems, error) {
	validator, err := s.compiled()
	if err != nil {
		return nil, err
	}
	var invalid *jsonschema.ValidationError
	if err := validator.Validate(content); errors.As(err, &invalid) {
		c := checker{Schema: s, content: content}
		c.visit(invalid)
		return c.problems, nil
	} else if err != nil {
		return nil, fmt.Errorf("check %s against its schema: %w", s.File, err)
	}
	return nil, nil
}

// CheckValue holds the value of one key against the schema.
func (s *Schema) CheckValue(key string, value any) (Problems, error) {
	content := map[string]any{}
	parent, name := Split(key)
	Branch(content, parent)[name] = value
	return s.Check(content)
}

// empty is what is wrong with an empty text, list or map.
const empty = "is empty; leave the key out to keep the value that it had, or write null for the default"

// checker puts the validator's findings into words.
type checker struct {
	*Schema
	content  map[string]any
	problems Problems
}

// visit words the findings that have no finer ones below them.
func (c *checker) visit(e *jsonschema.ValidationError) {
	place := c.find(path(e))
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		slices.Sort(k.Properties)
		for _, name := range k.Properties {
			c.add(Join(place.key, name), c.unknown(place, name))
		}
		return
	case *kind.PropertyNames:
		want := "want a shorter or longer name"
		if r := place.rule; r != nil && r.Names != nil && r.Names.Want != "" {
			want = r.Names.Want
		}
		c.add(Join(place.key, k.Property), want)
		return
	}
	if len(e.Causes) == 0 {
		c.add(place.key, c.wording(e.ErrorKind, place))
	}
	// The validator takes the keys of a map in another order each time.
	slices.SortStableFunc(e.Causes, compare)
	for _, cause := range e.Causes {
		c.visit(cause)
	}
}

// add notes a problem; one is enough for a key.
func (c *checker) add(key, text string) {
	if slices.ContainsFunc(c.problems, func(p Problem) bool { return p.Key == key }) {
		return
	}
	c.problems = append(c.problems, Problem{Key: key, Text: text})
}

// place is where in a tree a finding is.
type place struct {
	key   string // "access.web[1]"
	rule  *Rule
	value any
}

// find follows the validator's path.
func (c *checker) find(path []string) place {
	at := place{rule: c.root, value: c.content}
	for _, name := range path {
		at.rule = at.rule.below(name)
		switch v := at.value.(type) {
		case map[string]any:
			at.key, at.value = Join(at.key, name), v[name]
		case []any:
			at.key += "[" + name + "]"
			at.value = nil
			for i := range v {
				if fmt.Sprint(i) == name {
					at.value = v[i]
				}
			}
		}
	}
	return at
}

// wording says what is wanted at a place, and what is there.
func (c *checker) wording(k jsonschema.ErrorKind, at place) string {
	switch k := k.(type) {
	case *kind.Type:
		return fmt.Sprintf("want %s, got %s", typeName(k.Want), at.got(slices.Contains(k.Want, "string")))
	case *kind.Enum:
		if at.key == "schema" {
			return fmt.Sprintf("was written for another release of %s; this one knows schema %s", c.Program, choices(k.Want))
		}
		return fmt.Sprintf("want %s, got %s", choices(k.Want), at.got(false))
	case *kind.Pattern:
		if k.Got == "" {
			return empty
		}
		want := "want another form"
		if at.rule != nil && at.rule.Want != "" {
			want = at.rule.Want
		}
		if at.rule != nil && at.rule.Secret {
			return want
		}
		return fmt.Sprintf("%s, got %s", want, at.got(false))
	case *kind.MinLength:
		if k.Want == 1 {
			return empty
		}
		return fmt.Sprintf("is too short: want at least %d characters", k.Want)
	case *kind.MaxLength:
		return fmt.Sprintf("is too long: want at most %d characters", k.Want)
	case *kind.Minimum:
		return fmt.Sprintf("want at least %s, got %s", number(k.Want), number(k.Got))
	case *kind.Maximum:
		return fmt.Sprintf("want at most %s, got %s", number(k.Want), number(k.Got))
	case *kind.MinItems, *kind.MinProperties:
		return empty
	case *kind.MaxItems:
		return fmt.Sprintf("want at most %d, got %d", k.Want, k.Got)
	case *kind.MaxProperties:
		return fmt.Sprintf("want at most %d, got %d", k.Want, k.Got)
	case *kind.UniqueItems:
		return fmt.Sprintf("has a duplicate: items %d and %d", k.Duplicates[0]+1, k.Duplicates[1]+1)
	}
	return "is not as the schema has it"
}

// got shows what is there, which of a secret is only the type. Numbers for which a
// text is wanted get a hint: YAML takes 1.10 for the number 1.1.
func (p place) got(text bool) string {
	hidden := p.rule != nil && p.rule.Secret
	hint := ""
	if text {
		hint = " (put quotes around it)"
	}
	switch v := p.value.(type) {
	case nil:
		return "null"
	case map[string]any:
		return "keys and values"
	case []any:
		return "a list"
	case string:
		if hidden {
			return "text"
		}
		return fmt.Sprintf("%q", shortened(v))
	case bool:
		if hidden {
			return "true or false" + hint
		}
		return fmt.Sprintf("%t", v) + hint
	default:
		if hidden {
			return "a number" + hint
		}
		return fmt.Sprintf("the number %v", v) + hint
	}
}

// shortened is the first line of text, up to a length.
func shortened(text string) string {
	first, _, more := strings.Cut(text, "\n")
	if runes := []rune(first); len(runes) > 60 {
		first, more = string(runes[:60]), true
	}
	if more {
		first += "…"
	}
	return first
}

// typeName is a JSON type in plain words.
func typeName(types []string) string {
	words := map[string]string{"string": "text", "integer": "a whole number", "boolean": "true or false",
		"array": "a list", "object": "keys and values", "number": "a number"}
	var out []string
	for _, t := range types {
		out = append(out, words[t])
	}
	return strings.Join(out, " or ")
}

// choices lists the values of an enumeration.
func choices(values []any) string {
	var out []string
	for _, v := range values {
		out = append(out, fmt.Sprint(v))
	}
	if len(out) == 1 {
		return out[0]
	}
	return strings.Join(out[:len(out)-1], ", ") + " or " + out[len(out)-1]
}

// number writes a bound as people do.
func number(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	return r.FloatString(2)
}

// unknown words an unknown key, and names what its author may have meant: the
// nearest key of the section, or the same key in the one other section that has it.
func (c *checker) unknown(at place, name string) string {
	known := at.rule.names()
	if best := nearest.Name(name, known); best != "" {
		return fmt.Sprintf("unknown key; did you mean %q?", best)
	}
	var elsewhere []string
	for _, key := range c.keys {
		if _, last := Split(key); last == name && key != Join(at.key, name) {
			elsewhere = append(elsewhere, key)
		}
	}
	if len(elsewhere) == 1 {
		return fmt.Sprintf("unknown key; did you mean %q?", elsewhere[0])
	}
	return "unknown key; known here: " + strings.Join(known, ", ")
}
