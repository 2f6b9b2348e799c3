package document

import (
	"slices"
	"strings"
)

// Canonical is a document as text in which the order of keys plays no part.
func Canonical(v any) string {
	switch v := v.(type) {
	case Mapping:
		sorted := slices.Clone(v)
		slices.SortFunc(sorted, func(a, b field) int { return strings.Compare(a.Key, b.Key) })
		var parts []string
		for _, f := range sorted {
			parts = append(parts, Inspect(Scalar{f.Key, true})+":"+Canonical(f.Value))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case []any:
		var parts []string
		for _, e := range v {
			parts = append(parts, Canonical(e))
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	return Inspect(v)
}
