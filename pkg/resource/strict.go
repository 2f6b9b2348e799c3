package resource

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"sort"
	"strings"

	"github.com/go-viper/mapstructure/v2"

	"github.com/perpetual-ci/perpetual/pkg/nearest"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// maxRequest is the largest request read from stdin. Concourse's own are a few kilobytes.
const maxRequest = 1 << 20

// decodeStrict reads exactly one JSON object from r into target. Keys that
// target does not know, values of another type and data after the object are
// errors that name the place.
func decodeStrict(r io.Reader, target any) error {
	text, err := io.ReadAll(io.LimitReader(r, maxRequest+1))
	if err != nil {
		return fmt.Errorf("read the request from stdin: %w", err)
	}
	if len(text) > maxRequest {
		return fmt.Errorf("read the request from stdin: it is larger than %d bytes", maxRequest)
	}
	tree, err := parseObject(text)
	if err != nil {
		return err
	}
	return assign(tree, target)
}

// parseObject parses text as one JSON object.
func parseObject(text []byte) (map[string]any, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, errors.New("parse the request: stdin is empty; want a JSON object with source")
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var root any
	if err := decoder.Decode(&root); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil, fmt.Errorf("parse the request: %w at byte %d", err, syntax.Offset)
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, errors.New("parse the request: the JSON object is cut short")
		}
		return nil, fmt.Errorf("parse the request: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("parse the request: there is data after the JSON object")
	}
	object, ok := root.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("parse the request: want a JSON object, got %s", jsonKind(root))
	}
	return object, nil
}

// assign moves tree into target, a pointer to a struct with json tags.
func assign(tree map[string]any, target any) error {
	var seen mapstructure.Metadata
	decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		Result:     target,
		TagName:    "json",
		Metadata:   &seen,
		MatchName:  func(key, field string) bool { return key == field },
		DecodeHook: mapstructure.ComposeDecodeHookFunc(strictText, strictKind),
	})
	if err != nil {
		return err
	}
	if err := decoder.Decode(tree); err != nil {
		return typeError(err)
	}
	if len(seen.Unused) > 0 {
		sort.Strings(seen.Unused)
		if err := foreignKey(seen.Unused); err != nil {
			return err
		}
		return unknownKey(seen.Unused[0], reflect.TypeOf(target).Elem())
	}
	return nil
}

// errKind is a value of another JSON type than the field wants.
type errKind struct{ want, got string }

// Error implements error.
func (e *errKind) Error() string { return fmt.Sprintf("want %s, got %s", e.want, e.got) }

// strictText hands strings to fields that parse themselves (secrets, durations).
func strictText(from, to reflect.Value) (any, error) {
	target := to
	if target.Kind() != reflect.Pointer && target.CanAddr() {
		target = target.Addr()
	}
	if !target.Type().Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return from.Interface(), nil
	}
	if from.Kind() != reflect.String || isNumber(from) {
		got := jsonKind(from.Interface())
		if _, credential := target.Interface().(*secret.Value); credential && isNumber(from) {
			got = "a number (put quotes around it)" // which it is, is not for the build log
		}
		return nil, &errKind{"a string", got}
	}
	parsed := reflect.New(target.Type().Elem())
	if err := parsed.Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(from.String())); err != nil {
		return nil, err
	}
	return parsed.Elem().Interface(), nil
}

// strictKind refuses what mapstructure would convert by itself, above all a
// YAML author's `version: 1.10`, which is the number 1.1.
func strictKind(from, to reflect.Value) (any, error) {
	ok, want := true, ""
	switch to.Kind() {
	case reflect.String:
		ok, want = from.Kind() == reflect.String && !isNumber(from), "a string"
	case reflect.Bool:
		ok, want = from.Kind() == reflect.Bool, "true or false"
	case reflect.Slice:
		ok, want = from.Kind() == reflect.Slice, "a list"
	case reflect.Map, reflect.Struct:
		// A struct may already be what strictText made of a string.
		ok, want = from.Kind() == reflect.Map || from.Type() == to.Type(), "an object"
	}
	if !ok {
		return nil, &errKind{want, jsonKind(from.Interface())}
	}
	return from.Interface(), nil
}

func isNumber(v reflect.Value) bool { return v.Type() == reflect.TypeFor[json.Number]() }

// jsonKind names the JSON type of a decoded value.
func jsonKind(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case json.Number:
		return fmt.Sprintf("the number %s (put quotes around it)", v)
	case string:
		return "a string"
	case bool:
		return fmt.Sprintf("%t", v)
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return fmt.Sprintf("a %T", v)
}

// typeError is the first of mapstructure's complaints as one line.
func typeError(err error) error {
	var where *mapstructure.DecodeError
	if !errors.As(err, &where) {
		return fmt.Errorf("decode the request: %w", err)
	}
	cause := where.Unwrap()
	for {
		var inner *mapstructure.DecodeError
		if !errors.As(cause, &inner) {
			break
		}
		where, cause = inner, inner.Unwrap()
	}
	var kind *errKind
	if errors.As(cause, &kind) {
		cause = kind
	}
	return fmt.Errorf("decode %s: %w", dotted(where.Name()), cause)
}

// dotted writes mapstructure's path watch[concourse].version as watch.concourse.version.
func dotted(path string) string {
	return strings.Trim(strings.NewReplacer("[", ".", "]", "").Replace(path), ".")
}

// unknownKey names the key and the known one that its author likely meant.
func unknownKey(path string, root reflect.Type) error {
	path = dotted(path)
	parent, key := "", path
	if i := strings.LastIndex(path, "."); i >= 0 {
		parent, key = path[:i], path[i+1:]
	}
	known := keysAt(root, parent)
	if best := nearest.Name(key, known); best != "" {
		return fmt.Errorf("decode %s: unknown key; did you mean %q?", path, best)
	}
	return fmt.Errorf("decode %s: unknown key; known here: %s", path, strings.Join(known, ", "))
}

// keysAt lists the json keys of the struct at a dotted path below root.
func keysAt(root reflect.Type, path string) []string {
	t := root
	for _, part := range strings.Split(path, ".") {
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		switch {
		case path == "":
		case t.Kind() == reflect.Map || t.Kind() == reflect.Slice:
			t = t.Elem()
		case t.Kind() == reflect.Struct:
			for i := range t.NumField() {
				if t.Field(i).Tag.Get("json") == part {
					t = t.Field(i).Type
					break
				}
			}
		}
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var keys []string
	if t.Kind() == reflect.Struct {
		for i := range t.NumField() {
			keys = append(keys, t.Field(i).Tag.Get("json"))
		}
	}
	sort.Strings(keys)
	return keys
}
