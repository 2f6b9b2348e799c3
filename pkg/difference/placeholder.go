package difference

import (
	"fmt"
	"slices"
	"strings"
)

// cutPlaceholder finds the first ((name)) of a text.
func cutPlaceholder(text string) (before, ref, after string, found bool) {
	for at := 0; ; {
		i := strings.Index(text[at:], "((")
		if i < 0 {
			return text, "", "", false
		}
		i += at
		j := strings.Index(text[i:], "))")
		if j < 0 {
			return text, "", "", false
		}
		inner := text[i+2 : i+j]
		if k := strings.LastIndex(inner, "(("); k >= 0 {
			at = i + 2 + k
			continue
		}
		if inner == "" || strings.ContainsAny(inner, " \t\n()") {
			at = i + 2
			continue
		}
		return text[:i], strings.TrimPrefix(inner, "!"), text[i+j+2:], true
	}
}

// wholePlaceholder says whether a text is one placeholder and nothing else.
func wholePlaceholder(text string) (ref string, whole bool) {
	before, ref, after, found := cutPlaceholder(text)
	return ref, found && before == "" && after == ""
}

// nameOf is the variable of a reference: "mbus_tls" of "mbus_tls.ca".
func nameOf(ref string) string {
	name, _, _ := strings.Cut(ref, ".")
	return name
}

// value looks up "name" or "name.member".
func (r Reader) value(ref string) (value any, found bool) {
	if value, found = r.Vars[ref]; found {
		return value, true
	}
	parts := strings.Split(ref, ".")
	if value, found = r.Vars[parts[0]]; !found {
		return nil, false
	}
	for _, part := range parts[1:] {
		if value, found = texts(value)[part]; !found {
			return nil, false
		}
	}
	return value, true
}

// texts is a map by its keys as texts; nil of what is no map.
func texts(node any) map[string]any {
	switch v := node.(type) {
	case map[string]any:
		return v
	case map[any]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[fmt.Sprint(key)] = item
		}
		return out
	}
	return nil
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func anyOf(list []string) []any {
	out := make([]any, len(list))
	for i, item := range list {
		out[i] = item
	}
	return out
}
