package config

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"github.com/concourse/concourse/atc"
)

// walk goes through a config along the library's types, in step with what the
// library makes of it.
type walk struct {
	ignored map[string]bool // keys to leave out
	keys    map[string]bool // those that it has met; see Config.Keys
}

// overlay adds to known, the library's form of a value of type t, what is in raw
// and the library does not know. Inside of steps the library, and so a Concourse
// of its version, drops unknown keys without a word.
func (w *walk) overlay(known, raw any, t reflect.Type, inStep bool) any {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch given := raw.(type) {
	case []any:
		if t == reflect.TypeFor[atc.InParallelConfig]() { // a short form: in_parallel: [a, b]
			return w.overlay(known, map[string]any{"steps": raw}, t, inStep)
		}
		list, _ := known.([]any)
		if t.Kind() == reflect.Slice && len(list) == len(given) {
			for i := range list {
				list[i] = w.overlay(list[i], given[i], t.Elem(), inStep)
			}
		}
	case map[string]any:
		fields, isMap := known.(map[string]any)
		if types := typesOf(t, given); isMap && types != nil {
			w.fields(fields, given, types, t, inStep)
		}
	}
	return known
}

// fields does overlay for the fields of a struct.
func (w *walk) fields(known, raw map[string]any, types map[string]reflect.Type, t reflect.Type, inStep bool) {
	isStep := t == reflect.TypeFor[atc.Step]()
	for key, value := range raw {
		name, found := match(types, key)
		switch part, has := known[name]; {
		case found && has:
			known[name] = w.overlay(part, value, types[name], inStep || isStep)
		case found:
		default:
			delete(known, key) // of a step the library has kept it, with zero values in it
			id := t.Name() + "." + key
			if silent := t == reflect.TypeFor[atc.Config]() || inStep && !isStep; silent {
				w.keys[id] = true
			}
			if value = plain(value); !isZero(value) && !w.ignored[id] {
				known[key] = value
			}
		}
	}
}

// match finds the name of a field as encoding/json does.
func match(types map[string]reflect.Type, key string) (name string, found bool) {
	if _, found := types[key]; found {
		return key, true
	}
	for name := range types {
		if strings.EqualFold(name, key) {
			return name, true
		}
	}
	return "", false
}

// typesOf are the fields of a struct by their JSON names; nil for what is none, or
// is read in a way of its own and so has no unknown keys. A step is of several
// structs, which its keys tell.
func typesOf(t reflect.Type, given map[string]any) map[string]reflect.Type {
	switch {
	case t == reflect.TypeFor[atc.Step]():
		types := map[string]reflect.Type{}
		for _, detector := range atc.StepPrecedence {
			if _, found := given[detector.Key]; !found {
				continue
			}
			step := detector.New()
			addFields(types, reflect.TypeOf(step).Elem())
			if _, isWrapper := step.(atc.StepWrapper); !isWrapper {
				break // a core step; there is one in a step
			}
		}
		return types
	case t == reflect.TypeFor[atc.InParallelConfig]():
	case t.Kind() != reflect.Struct, reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()):
		return nil
	}
	types := map[string]reflect.Type{}
	addFields(types, t)
	return types
}

func addFields(types map[string]reflect.Type, t reflect.Type) {
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" {
			name = field.Name
		}
		if name != "-" {
			types[name] = field.Type
		}
	}
}

// plain is a value in a form that is the same before and after Concourse has
// stored it, whatever it is: fields with zero values are gone, as Go's omitempty
// has it, and durations are spelled as Go does.
func plain(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, e := range v {
			if e = plain(e); !isZero(e) {
				out[key] = e
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = plain(e)
		}
		return out
	case string:
		if d, err := time.ParseDuration(v); err == nil {
			return d.String()
		}
	}
	return value
}

func isZero(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return reflect.ValueOf(value).IsZero()
}

func clone(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, e := range v {
			out[key] = clone(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = clone(e)
		}
		return out
	}
	return value
}
