package testkit

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// scalars are values that are easily taken for one another.
var scalars = []any{
	1, "1", 1.5, "1.5", true, "true", false, "false", "", " ", "null", "~", 0, "0", "0.0", -7, 1 << 40,
	"yes", "1.10", "0777", "5e6", "1:30", "2026-08-01", "0x1f", "a: b", "# no comment", "- x", "((placeholder))",
	"two\nlines\n", "trailing \n\n", "tab\there", `"quoted"`, "'", "é ü 漢", "((a.b))", "float64 1.5", "string 1", "&a", "*a", "!x", "%", "@",
}

// Value is a random YAML value whose nesting is at most depth.
func Value(rng *rand.Rand, depth int) any {
	kind := rng.IntN(6)
	if depth == 0 || kind > 1 {
		return scalars[rng.IntN(len(scalars))]
	}
	if kind == 0 {
		list := []any{}
		for range rng.IntN(4) {
			list = append(list, Value(rng, depth-1))
		}
		return list
	}
	m := map[string]any{}
	for i := range rng.IntN(4) {
		m[fmt.Sprintf("k%d", i)] = Value(rng, depth-1)
	}
	return m
}

// YAML writes a value as YAML in one of many ways.
func YAML(rng *rand.Rand, v any, indent string) string {
	pad := strings.Repeat(" ", rng.IntN(3))
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			return " {" + pad + "}\n"
		}
		keys := slices.Sorted(maps.Keys(v))
		rng.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		out := "\n"
		for _, key := range keys {
			if rng.IntN(3) == 0 {
				out += indent + "# " + key + "\n\n"
			}
			out += indent + key + pad + ":" + YAML(rng, v[key], indent+"  "+pad)
		}
		return out
	case []any:
		if len(v) == 0 {
			return pad + " [ ]\n"
		}
		out := "\n"
		for _, item := range v {
			out += indent + "-" + YAML(rng, item, indent+"   "+pad)
		}
		return out
	case string:
		return " " + pad + strconv.Quote(v) + pad + "\n"
	}
	return fmt.Sprintf(" %s%v\n", pad, v)
}
