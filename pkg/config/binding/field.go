package binding

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/config/schema"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// Field is a key that holds a value, as opposed to a section that holds keys; or a
// section that may be absent as a whole.
type Field[T any] struct {
	Key   string // "workers.count"
	Rule  *schema.Rule
	index []int // where the value is in T
}

// Of is the value in c, and not valid when a section above it is absent.
func (f Field[T]) Of(c *T) reflect.Value {
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
func (f Field[T]) in(c *T) reflect.Value {
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

// Set says whether c has a value. An empty list is one, and an absent list is not.
func (f Field[T]) Set(c *T) bool {
	v := f.Of(c)
	return v.IsValid() && !v.IsZero()
}

// Clear takes the value away.
func (f Field[T]) Clear(c *T) {
	if v := f.Of(c); v.IsValid() {
		v.SetZero()
	}
}

// Within says whether the field is key, or stands below it.
func (f Field[T]) Within(key string) bool {
	return f.Key == key || strings.HasPrefix(f.Key, key+".")
}

// Plain is the value in c as YAML and JSON have it, with secrets in clear.
func (f Field[T]) Plain(c *T) any {
	switch v := f.Of(c).Interface().(type) {
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

// Assign puts a plain value into c. The error does not show the value.
func (f Field[T]) Assign(c *T, value any) error {
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
		f.Clear(c)
		return fmt.Errorf("%s: want a value of type %s", f.Key, f.Rule.Type)
	}
	return nil
}

// Copy puts from's value into to.
func (f Field[T]) Copy(to, from *T) {
	// Plain gives what Assign takes, by construction.
	_ = f.Assign(to, f.Plain(from))
}

// Value is the plain value in c, nil when it is not set.
func (f Field[T]) Value(c *T) any {
	if !f.Set(c) {
		return nil
	}
	return f.Plain(c)
}

// Show is the value in c for people; "" when it is not set.
func (f Field[T]) Show(c *T) string { return f.Rule.Show(f.Value(c), f.Set(c)) }
