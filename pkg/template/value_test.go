package template_test

import (
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
