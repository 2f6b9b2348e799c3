package config

import (
	"fmt"
	"math"
	"reflect"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// fields lists the keys that hold values. The bundled schema and Config agree, as a
// test shows, so that there is always an answer.
func fields() []field {
	l, _ := shape()
	return l.fields
}

// sections lists the sections that may be absent as a whole.
func sections() []field {
	l, _ := shape()
	return l.sections
}

// of is the value in c, and not valid when a section above it is absent.
func (f field) of(c *Config) reflect.Value {
	if c == nil {
		return reflect.Value{}
	}
	v, err := reflect.ValueOf(c).Elem().FieldByIndexErr(f.index)
	if err != nil {
		return reflect.Value{}
	}
	return v
}

// in is the value in c, whose sections are made as needed.
func (f field) in(c *Config) reflect.Value {
	v := reflect.ValueOf(c).Elem()
	for _, i := range f.index {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v
}

// set says whether c has a value. An empty list is one, and an absent list is not.
func (f field) set(c *Config) bool {
	v := f.of(c)
	return v.IsValid() && !v.IsZero()
}

// clear takes the value away.
func (f field) clear(c *Config) {
	if v := f.of(c); v.IsValid() {
		v.SetZero()
	}
}

// within says whether the field is key, or stands below it.
func (f field) within(key string) bool {
	return f.key == key || strings.HasPrefix(f.key, key+".")
}

// plain is the value in c as YAML and JSON have it, with secrets in clear.
func (f field) plain(c *Config) any {
	switch v := f.of(c).Interface().(type) {
	case *bool:
		return *v
	case secret.Value:
		return v.Reveal()
	case []string:
		return list(v)
	case map[string]string:
		return object(v, func(s string) any { return s })
	case map[string]secret.Value:
		return object(v, func(s secret.Value) any { return s.Reveal() })
	case map[string]any:
		return copied(v)
	default:
		return v // string, int
	}
}

// list is items as a tree has them.
func list(items []string) []any {
	out := make([]any, 0, len(items))
	for _, item := range items {
		out = append(out, item)
	}
	return out
}

// object is m as a tree has it.
func object[V any](m map[string]V, plain func(V) any) map[string]any {
	out := make(map[string]any, len(m))
	for key, value := range m {
		out[key] = plain(value)
	}
	return out
}

// copied is a tree that shares nothing with v.
func copied(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return object(v, copied)
	case []any:
		out := make([]any, 0, len(v))
		for _, item := range v {
			out = append(out, copied(item))
		}
		return out
	}
	return v
}

// assign puts a plain value into c. The error does not show the value.
func (f field) assign(c *Config, value any) error {
	ok := true
	switch p := f.in(c).Addr().Interface().(type) {
	case *string:
		*p, ok = value.(string)
	case *int:
		*p, ok = whole(value)
	case **bool:
		var b bool
		b, ok = value.(bool)
		*p = &b
	case *secret.Value:
		var text string
		text, ok = value.(string)
		*p = secret.New(text)
	case *[]string:
		*p, ok = texts(value)
	case *map[string]string:
		*p, ok = textMap(value, func(s string) string { return s })
	case *map[string]secret.Value:
		*p, ok = textMap(value, secret.New)
	case *map[string]any:
		var m map[string]any
		m, ok = value.(map[string]any)
		*p, _ = copied(m).(map[string]any)
	default:
		ok = false
	}
	if !ok {
		f.clear(c)
		return fmt.Errorf("%s: want a value of type %s", f.key, f.rule.Type)
	}
	return nil
}

// whole is a number as an int; 3.0 is 3.
func whole(value any) (int, bool) {
	switch n := value.(type) {
	case int:
		return n, true
	case int64:
		return int(n), true
	case float64:
		return int(n), n == math.Trunc(n) && math.Abs(n) < 1<<53
	}
	return 0, false
}

// texts is a list of texts.
func texts(value any) ([]string, bool) {
	items, ok := value.([]any)
	out := make([]string, 0, len(items))
	for _, item := range items {
		text, isText := item.(string)
		ok = ok && isText
		out = append(out, text)
	}
	return out, ok
}

// textMap is a map to texts.
func textMap[V any](value any, of func(string) V) (map[string]V, bool) {
	m, ok := value.(map[string]any)
	out := make(map[string]V, len(m))
	for key, item := range m {
		text, isText := item.(string)
		ok = ok && isText
		out[key] = of(text)
	}
	return out, ok
}

// tree is c as a map of what is set, with secrets in clear.
func tree(c *Config) map[string]any {
	root := map[string]any{}
	for _, s := range sections() {
		if s.set(c) {
			branch(root, s.key)
		}
	}
	for _, f := range fields() {
		if f.set(c) {
			parent, name := split(f.key)
			branch(root, parent)[name] = f.plain(c)
		}
	}
	return root
}

// branch is the map at a dotted key, which is made as needed.
func branch(root map[string]any, key string) map[string]any {
	for name := range strings.SplitSeq(key, ".") {
		if name == "" {
			break
		}
		next, _ := root[name].(map[string]any)
		if next == nil {
			next = map[string]any{}
			root[name] = next
		}
		root = next
	}
	return root
}

// split parts a dotted key from its last name.
func split(key string) (parent, name string) {
	if i := strings.LastIndexByte(key, '.'); i >= 0 {
		return key[:i], key[i+1:]
	}
	return "", key
}

// fromTree is the Config that a tree describes. The tree has passed the schema.
func fromTree(root map[string]any) (*Config, error) {
	c := &Config{}
	for _, s := range sections() {
		if _, there := lookUp(root, s.key).(map[string]any); there {
			v := s.in(c)
			v.Set(reflect.New(v.Type().Elem()))
		}
	}
	for _, f := range fields() {
		if value := lookUp(root, f.key); value != nil {
			if err := f.assign(c, value); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// lookUp is what a tree has at a dotted key, nil for nothing.
func lookUp(root map[string]any, key string) any {
	var at any = root
	for name := range strings.SplitSeq(key, ".") {
		m, _ := at.(map[string]any)
		at = m[name]
	}
	return at
}

// clone is a copy that shares nothing with c.
func clone(c *Config) *Config {
	out := &Config{}
	if c == nil {
		return out
	}
	for _, s := range sections() {
		if s.set(c) {
			v := s.in(out)
			v.Set(reflect.New(v.Type().Elem()))
		}
	}
	for _, f := range fields() {
		if f.set(c) {
			f.copy(out, c)
		}
	}
	out.Reset = append([]string(nil), c.Reset...)
	return out
}

// copy puts from's value into to.
func (f field) copy(to, from *Config) {
	// plain gives what assign takes, by construction.
	_ = f.assign(to, f.plain(from))
}

// Secrets lists the secrets that are set, for the writers that mask them.
func Secrets(c *Config) []secret.Value {
	var all []secret.Value
	for _, f := range fields() {
		if !f.set(c) {
			continue
		}
		switch v := f.of(c).Interface().(type) {
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
