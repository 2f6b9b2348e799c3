package schema

import (
	"maps"
	"slices"
	"strings"
)

// Prune takes out of a tree what does not fit the schema, and says what that was.
func (s *Schema) Prune(content map[string]any) (Problems, error) {
	var all Problems
	for {
		problems, err := s.Check(content)
		if err != nil || len(problems) == 0 {
			return all, err
		}
		removed := false
		for _, p := range problems {
			removed = remove(content, p.Key) || removed
		}
		all = append(all, problems...)
		if !removed {
			return nil, all // a problem of no key
		}
	}
}

// remove takes a key, or the list in which it stands, out of a tree. Names may have dots
// and brackets in them.
func remove(content map[string]any, key string) bool {
	if _, there := content[key]; there {
		delete(content, key)
		return true
	}
	for _, name := range slices.Sorted(maps.Keys(content)) {
		rest, in := strings.CutPrefix(key, name)
		if !in {
			continue
		}
		switch below := content[name].(type) {
		case []any:
			if rest[0] == '[' {
				delete(content, name)
				return true
			}
		case map[string]any:
			if rest[0] == '.' && remove(below, rest[1:]) {
				if len(below) == 0 {
					delete(content, name)
				}
				return true
			}
		}
	}
	return false
}
