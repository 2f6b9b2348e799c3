package director

import (
	"slices"
	"strings"
)

// canonical is a document as text in which the order of keys plays no part.
func canonical(v any) string {
	switch v := v.(type) {
	case mapping:
		sorted := slices.Clone(v)
		slices.SortFunc(sorted, func(a, b field) int { return strings.Compare(a.key, b.key) })
		var parts []string
		for _, f := range sorted {
			parts = append(parts, inspect(scalar{f.key, true})+":"+canonical(f.value))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case []any:
		var parts []string
		for _, e := range v {
			parts = append(parts, canonical(e))
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	return inspect(v)
}
