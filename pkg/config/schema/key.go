package schema

import "strings"

// Join puts a dotted key together: "workers" and "count" are "workers.count".
func Join(parent, name string) string {
	if parent == "" {
		return name
	}
	return parent + "." + name
}

// Split parts a dotted key from its last name.
func Split(key string) (parent, name string) {
	if i := strings.LastIndexByte(key, '.'); i >= 0 {
		return key[:i], key[i+1:]
	}
	return "", key
}

// Above is the key of the list or section that holds key, "" at the top.
func Above(key string) string {
	return key[:max(0, strings.LastIndexAny(key, ".["))]
}

// Branch is the map at a dotted key, which is made as needed.
func Branch(root map[string]any, key string) map[string]any {
	for name := range strings.SplitSeq(key, ".") {
		if name == "" {
			break
		}
		next, _ := root[name].(map[string]any)
		if next == nil {
			next = map[string]any{}
			root[name] = next
		}
		root = next
	}
	return root
}
