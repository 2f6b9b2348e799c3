package template_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
)

var variable = regexp.MustCompile(`\(\(([-\w]+)\)\)`)

// variables are the names of the variables in a template, once each.
func variables(text []byte) []string {
	var names []string
	for _, match := range variable.FindAllSubmatch(text, -1) {
		names = append(names, string(match[1]))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// scalars are values that are easily taken for one another.
var scalars = []any{
	1, "1", 1.5, "1.5", true, "true", false, "false", "", " ", "null", "~", 0, "0", "0.0", -7, 1 << 40,
	"yes", "1.10", "0777", "5e6", "1:30", "2026-08-01", "0x1f", "a: b", "# no comment", "- x", "((placeholder))",
	"two\nlines\n", "trailing \n\n", "tab\there", `"quoted"`, "'", "é ü 漢", "((a.b))", "float64 1.5", "string 1", "&a", "*a", "!x", "%", "@",
}

// value is a random YAML value whose nesting is at most depth.
func value(rng *rand.Rand, depth int) any {
	kind := rng.IntN(6)
	if depth == 0 || kind > 1 {
		return scalars[rng.IntN(len(scalars))]
	}
	if kind == 0 {
		list := []any{}
		for range rng.IntN(4) {
			list = append(list, value(rng, depth-1))
		}
		return list
	}
	m := map[string]any{}
	for i := range rng.IntN(4) {
		m[fmt.Sprintf("k%d", i)] = value(rng, depth-1)
	}
	return m
}
