package bundle_test

import (
	"regexp"
	"slices"
	"testing"

	"gopkg.in/yaml.v3"
)

type vars = map[string]any

var variable = regexp.MustCompile(`\(\(([-\w]+)\)\)`)

// variables are the names of the variables in a text, once each.
func variables(text []byte) []string {
	var names []string
	for _, match := range variable.FindAllSubmatch(text, -1) {
		names = append(names, string(match[1]))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func parsed(t testing.TB, text []byte) any {
	t.Helper()
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return value
}
