// Package binding joins the keys of a schema to the fields of a Go struct: it reads a file
// into one, and takes one apart by its keys.
package binding

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/config/schema"
)

// Binding is a schema and the struct type T, whose fields have the names of keys as yaml
// tags.
type Binding[T any] struct {
	*schema.Schema
	fields   []Field[T]
	sections []Field[T]
	missing  []string // keys of T that the schema lacks
}

// New reads a schema, whose keys are in the order of the struct. It fails when the schema
// lacks a key of T.
func New[T any](text []byte, o schema.Options) (*Binding[T], error) {
	s, err := schema.New(text, o)
	if err != nil {
		return nil, err
	}
	b := &Binding[T]{Schema: s}
	b.add(reflect.TypeFor[T](), "", nil)
	if len(b.missing) > 0 {
		return nil, fmt.Errorf("the schema of %s lacks %s", o.File, strings.Join(b.missing, ", "))
	}
	keys := make([]string, len(b.fields))
	for i, f := range b.fields {
		keys[i] = f.Key
	}
	s.Order(keys)
	return b, nil
}

// add walks the struct type t, which is at key.
func (b *Binding[T]) add(t reflect.Type, key string, index []int) {
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if name == "-" {
			continue
		}
		f := Field[T]{Key: schema.Join(key, name), index: append(slices.Clone(index), i)}
		if f.Rule = b.Rule(f.Key); f.Rule == nil {
			b.missing = append(b.missing, f.Key)
			continue
		}
		of := t.Field(i).Type
		if of.Kind() == reflect.Pointer && of.Elem().Kind() == reflect.Struct {
			b.sections = append(b.sections, f)
			of = of.Elem()
		}
		if !f.Rule.Section() {
			b.fields = append(b.fields, f)
			continue
		}
		b.add(of, f.Key, f.index)
	}
}

// Fields lists the keys that hold values, in the order of the struct.
func (b *Binding[T]) Fields() []Field[T] { return b.fields }

// Sections lists the keys that hold other keys and may be absent as a whole.
func (b *Binding[T]) Sections() []Field[T] { return b.sections }

// Field is the one of a key.
func (b *Binding[T]) Field(key string) (Field[T], bool) {
	i := slices.IndexFunc(b.fields, func(f Field[T]) bool { return f.Key == key })
	if i < 0 {
		return Field[T]{}, false
	}
	return b.fields[i], true
}

// Reading is what is in a file.
type Reading[T any] struct {
	schema.Reading
	Value *T // its Tree; nil where it fails
}

// Read is that of the schema, into a T. What the file does not say stays unset.
func (b *Binding[T]) Read(name string, text []byte) (Reading[T], error) {
	r, err := b.Schema.Read(name, text)
	out := Reading[T]{Reading: r}
	if err != nil {
		return out, err
	}
	if out.Value, err = b.FromTree(r.Tree); err != nil {
		return out, fmt.Errorf("%s: %w", name, err)
	}
	return out, nil
}
