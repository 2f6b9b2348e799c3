package aws

import (
	"maps"
	"slices"
)

// Codes are the keys of the table of remedies.
func Codes() []string { return slices.Sorted(maps.Keys(remedies)) }
