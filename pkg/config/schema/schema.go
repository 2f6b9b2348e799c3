// Package schema reads a file that people write, in YAML, against a JSON schema and
// into a Go struct. It knows the line of each key, words what is wrong, and can take
// a struct apart by its keys. It knows nothing of what the keys are for.
package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Options are what a schema itself does not say about its file.
type Options struct {
	File    string // "perpetual.yml": what people call such a file
	Program string // "Perpetual": whose releases read it
	Sample  string // "name: ci": a line of such a file
	// YAML11 is a key below which values are read as YAML 1.1 has them: "manifest.vars".
	YAML11 string
}

// Schema is a JSON schema (draft 2020-12) over the struct type T, whose fields have
// the names of keys as yaml tags.
type Schema[T any] struct {
	document
	fields   []Field[T]
	sections []Field[T]
	missing  []string // keys of T that the schema lacks
}

// document is the schema without the type.
type document struct {
	Options
	root *Rule
	keys []string // that hold values, in the order of the struct
	// compiled is the schema as a validator, made when it is first wanted.
	compiled func() (*jsonschema.Schema, error)
}

// New reads a schema. It fails when the schema lacks a key of T.
func New[T any](text []byte, o Options) (*Schema[T], error) {
	s := &Schema[T]{document: document{Options: o, root: &Rule{}}}
	if err := json.Unmarshal(text, s.root); err != nil {
		return nil, fmt.Errorf("read the schema of %s: %w", o.File, err)
	}
	s.add(reflect.TypeFor[T](), s.root, "", nil)
	if len(s.missing) > 0 {
		return nil, fmt.Errorf("the schema of %s lacks %s", o.File, strings.Join(s.missing, ", "))
	}
	for _, f := range s.fields {
		s.keys = append(s.keys, f.Key)
	}
	s.compiled = sync.OnceValues(func() (*jsonschema.Schema, error) { return compile(text, o.File) })
	return s, nil
}

// compile makes a validator of a schema.
func compile(text []byte, file string) (*jsonschema.Schema, error) {
	const url = "bundled.schema.json"
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read the schema of %s: %w", file, err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(url, document); err != nil {
		return nil, fmt.Errorf("read the schema of %s: %w", file, err)
	}
	schema, err := compiler.Compile(url)
	if err != nil {
		return nil, fmt.Errorf("compile the schema of %s: %w", file, err)
	}
	return schema, nil
}

// add walks the struct type t, which is at key.
func (s *Schema[T]) add(t reflect.Type, r *Rule, key string, index []int) {
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if name == "-" {
			continue
		}
		f := Field[T]{Key: Join(key, name), index: append(slices.Clone(index), i), Rule: r.Properties[name]}
		if f.Rule == nil {
			s.missing = append(s.missing, f.Key)
			continue
		}
		of := t.Field(i).Type
		if of.Kind() == reflect.Pointer && of.Elem().Kind() == reflect.Struct {
			s.sections = append(s.sections, f)
			of = of.Elem()
		}
		if !f.Rule.section() {
			s.fields = append(s.fields, f)
			continue
		}
		s.add(of, f.Rule, f.Key, f.index)
	}
}

// Fields lists the keys that hold values, in the order of the struct.
func (s *Schema[T]) Fields() []Field[T] { return s.fields }

// Sections lists the keys that hold other keys and may be absent as a whole.
func (s *Schema[T]) Sections() []Field[T] { return s.sections }

// Field is the one of a key.
func (s *Schema[T]) Field(key string) (Field[T], bool) {
	i := slices.IndexFunc(s.fields, func(f Field[T]) bool { return f.Key == key })
	if i < 0 {
		return Field[T]{}, false
	}
	return s.fields[i], true
}
