package binding

import (
	"math"
	"strings"
)

// lookUp is what a tree has at a dotted key, nil for nothing.
func lookUp(root map[string]any, key string) any {
	var at any = root
	for name := range strings.SplitSeq(key, ".") {
		m, _ := at.(map[string]any)
		at = m[name]
	}
	return at
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
