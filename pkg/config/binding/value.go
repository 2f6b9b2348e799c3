package binding

import (
	"reflect"

	"github.com/perpetual-ci/perpetual/pkg/config/schema"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// Tree is c as a map of what is set, with secrets in clear.
func (b *Binding[T]) Tree(c *T) map[string]any {
	root := map[string]any{}
	for _, section := range b.sections {
		if section.Set(c) {
			schema.Branch(root, section.Key)
		}
	}
	for _, f := range b.fields {
		if f.Set(c) {
			parent, name := schema.Split(f.Key)
			schema.Branch(root, parent)[name] = f.Plain(c)
		}
	}
	return root
}

// FromTree is the T that a tree describes. The tree has passed the schema.
func (b *Binding[T]) FromTree(root map[string]any) (*T, error) {
	c := new(T)
	for _, section := range b.sections {
		if _, there := lookUp(root, section.Key).(map[string]any); there {
			section.Make(c)
		}
	}
	for _, f := range b.fields {
		if value := lookUp(root, f.Key); value != nil {
			if err := f.Assign(c, value); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// Clone is a copy of the keys of c that shares nothing with it; an empty T of nil.
func (b *Binding[T]) Clone(c *T) *T {
	out := new(T)
	for _, section := range b.sections {
		if section.Set(c) {
			section.Make(out)
		}
	}
	for _, f := range b.fields {
		if f.Set(c) {
			f.Copy(out, c)
		}
	}
	return out
}

// Make puts an empty section into c.
func (f Field[T]) Make(c *T) {
	v := f.in(c)
	v.Set(reflect.New(v.Type().Elem()))
}

// Secrets lists the secrets that are set, for the writers that mask them.
func (b *Binding[T]) Secrets(c *T) []secret.Value {
	var all []secret.Value
	for _, f := range b.fields {
		if !f.Set(c) {
			continue
		}
		switch v := f.Of(c).Interface().(type) {
		case secret.Value:
			all = append(all, v)
		case map[string]secret.Value:
			for _, one := range v {
				all = append(all, one)
			}
		}
	}
	return all
}
