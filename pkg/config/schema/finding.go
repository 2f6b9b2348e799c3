package schema

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// path is where in a tree a finding of the validator is. That of a finding about a name it
// overwrites as it goes on (validator.go, propertyNames: the slice is not a copy); there
// the path of the rule tells.
func path(e *jsonschema.ValidationError) []string {
	if _, ofName := e.ErrorKind.(*kind.PropertyNames); !ofName {
		return e.InstanceLocation
	}
	_, pointer, _ := strings.Cut(e.SchemaURL, "#") // "/properties/auth/properties/local_users/propertyNames"
	var names []string
	for parts := strings.Split(pointer, "/"); len(parts) > 1; parts = parts[1:] {
		if parts[0] == "properties" {
			names = append(names, parts[1])
			parts = parts[1:]
		}
	}
	return names
}

// compare puts findings in one order: by the alphabet, items by their number, what is wrong
// with a name before what is wrong with its value.
func compare(a, b *jsonschema.ValidationError) int {
	full := func(e *jsonschema.ValidationError) (of []string, rank int) {
		if k, ofName := e.ErrorKind.(*kind.PropertyNames); ofName {
			return append(path(e), k.Property), 0
		}
		return path(e), 1
	}
	x, xRank := full(a)
	y, yRank := full(b)
	return cmp.Or(slices.CompareFunc(x, y, func(x, y string) int {
		i, notX := strconv.Atoi(x)
		j, notY := strconv.Atoi(y)
		if notX == nil && notY == nil {
			return cmp.Compare(i, j)
		}
		return strings.Compare(x, y)
	}), cmp.Compare(xRank, yRank))
}
