package template

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// placeholder is what the template engine takes for a variable: the name with its
// members, without the ! before it, which has no meaning for the bosh CLI.
var placeholder = regexp.MustCompile(`\(\( ?!?([-/.\w\pL]+) ?\)\)`)

// HasVariables says whether a text has ((variables)) in it.
func HasVariables(text []byte) bool { return placeholder.Match(text) }

// refersTo says whether a text has a variable, or a member of it. The engine also wants
// values for what the section variables defines and nothing refers to.
func refersTo(text []byte, name string) bool {
	for _, m := range placeholder.FindAllSubmatch(text, -1) {
		if ref := string(m[1]); ref == name || strings.HasPrefix(ref, name+".") {
			return true
		}
	}
	return false
}

// Gives says whether a layer of variables has a value for a reference: for
// "tls.certificate" one for all of tls, too.
func Gives(layer map[string]any, ref string) bool {
	for given := range layer {
		if given == ref || strings.HasPrefix(ref, given+".") {
			return true
		}
	}
	return false
}

// flatten lays layers of variables over each other, the later ones winning. A name
// with dots in it, as in -v tls.certificate=…, sets a member and leaves the others.
// The engine does so, too, but in any order.
func flatten(layers []map[string]any) map[string]any {
	all := map[string]any{}
	for _, layer := range layers {
		for _, ref := range slices.Sorted(maps.Keys(layer)) { // a before a.b
			name, members := split(ref)
			set(all, name, members, layer[ref])
		}
	}
	return all
}

// set sets a variable, or a member in its value, whose maps are made as needed and
// not shared with where they came from.
func set(vars map[string]any, name string, members []string, value any) {
	if len(members) == 0 {
		vars[name] = value
		return
	}
	inner := map[string]any{}
	switch v := vars[name].(type) {
	case map[string]any:
		maps.Copy(inner, v)
	case map[any]any:
		for key, item := range v {
			if text, isText := key.(string); isText {
				inner[text] = item
			}
		}
	}
	set(inner, members[0], members[1:], value)
	vars[name] = inner
}

// member is a member in a variable's value.
func member(value any, members []string) (any, bool) {
	for _, name := range members {
		found := false
		switch v := value.(type) {
		case map[string]any:
			value, found = v[name]
		case map[any]any:
			value, found = v[name]
		case []any:
			i, err := strconv.Atoi(name)
			if found = err == nil && i >= -len(v) && i < len(v); found {
				value = v[(i+len(v))%len(v)]
			}
		}
		if !found {
			return nil, false
		}
	}
	return value, true
}

// lookUp is the value of a reference.
func lookUp(vars map[string]any, ref string) (any, bool) {
	name, members := split(ref)
	value, found := vars[name]
	if !found {
		return nil, false
	}
	return member(value, members)
}
