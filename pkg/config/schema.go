package config

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:embed schema.json
var schemaText []byte

// Schema returns the JSON schema of perpetual.yml (draft 2020-12), for editors and
// for other programs. Nothing is required in it, because what a file leaves out keeps
// its stored value; Validate knows what must be there in the end. Beside the standard
// keywords it has patternErrorMessage, x-immutable, x-looked-up (where the default
// comes from) and x-aws (what has no effect without aws).
func Schema() []byte { return bytes.Clone(schemaText) }

// rule is what the schema says about a key.
type rule struct {
	Description string           `json:"description"`
	Type        string           `json:"type"`
	Default     any              `json:"default"`
	Examples    []any            `json:"examples"`
	Secret      bool             `json:"writeOnly"`
	Immutable   bool             `json:"x-immutable"`
	LookedUp    string           `json:"x-looked-up"`
	AWS         bool             `json:"x-aws"`
	Want        string           `json:"patternErrorMessage"`
	Properties  map[string]*rule `json:"properties"`
	Items       *rule            `json:"items"`
	// Additional is false, or the rule of values of a map.
	Additional json.RawMessage `json:"additionalProperties"`
	Names      *rule           `json:"propertyNames"`
}

// rules is the schema as a tree.
var rules = sync.OnceValues(func() (*rule, error) {
	var root rule
	if err := json.Unmarshal(schemaText, &root); err != nil {
		return nil, fmt.Errorf("read the bundled schema: %w", err)
	}
	return &root, nil
})

// compiled is the schema as a validator.
var compiled = sync.OnceValues(func() (*jsonschema.Schema, error) {
	const url = "perpetual.schema.json"
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemaText))
	if err != nil {
		return nil, fmt.Errorf("read the bundled schema: %w", err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(url, document); err != nil {
		return nil, fmt.Errorf("read the bundled schema: %w", err)
	}
	schema, err := compiler.Compile(url)
	if err != nil {
		return nil, fmt.Errorf("compile the bundled schema: %w", err)
	}
	return schema, nil
})

// below is the rule of what stands under name, nil when there is none. The name of
// an item of a list does not matter.
func (r *rule) below(name string) *rule {
	switch {
	case r == nil:
		return nil
	case r.Properties[name] != nil:
		return r.Properties[name]
	case r.Items != nil:
		return r.Items
	}
	var of rule
	if json.Unmarshal(r.Additional, &of) != nil {
		return nil
	}
	of.Secret = r.Secret
	return &of
}

// section says whether the key holds other keys of the schema.
func (r *rule) section() bool { return r != nil && r.Properties != nil }

// names are the keys of a section, in the order of the alphabet.
func (r *rule) names() []string {
	if r == nil {
		return nil
	}
	var names []string
	for name := range r.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// sentence is the first sentence of the description.
func (r *rule) sentence() string {
	first, _, _ := strings.Cut(r.Description, ". ")
	return strings.TrimSuffix(first, ".")
}

// field is a key that holds a value, as opposed to a section that holds keys.
type field struct {
	key   string // "workers.count"
	index []int  // where the value is in Config
	rule  *rule
}

// layout is every field, and the index of every section that may be nil by its key,
// in the order in which Config has them.
type layout struct {
	fields   []field
	sections []field
	missing  []string // keys of Config that the schema lacks
}

// shape is the layout of Config under the bundled schema.
var shape = sync.OnceValues(func() (layout, error) {
	root, err := rules()
	if err != nil {
		return layout{}, err
	}
	var l layout
	l.add(reflect.TypeFor[Config](), root, "", nil)
	if len(l.missing) > 0 {
		return l, fmt.Errorf("the bundled schema lacks %s", strings.Join(l.missing, ", "))
	}
	return l, nil
})

// add walks the struct type t, which is at key.
func (l *layout) add(t reflect.Type, r *rule, key string, index []int) {
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if name == "-" {
			continue
		}
		f := field{key: join(key, name), index: append(slices.Clone(index), i), rule: r.Properties[name]}
		if f.rule == nil {
			l.missing = append(l.missing, f.key)
			continue
		}
		of := t.Field(i).Type
		if of.Kind() == reflect.Pointer && of.Elem().Kind() == reflect.Struct {
			l.sections = append(l.sections, f)
			of = of.Elem()
		}
		if !f.rule.section() {
			l.fields = append(l.fields, f)
			continue
		}
		l.add(of, f.rule, f.key, f.index)
	}
}

// join puts a dotted key together.
func join(parent, name string) string {
	if parent == "" {
		return name
	}
	return parent + "." + name
}
