package config

import (
	"maps"
	"slices"
	"strings"
)

// prune takes out of a tree what does not fit the schema, and says what that was.
func prune(content map[string]any) (Problems, error) {
	var all Problems
	for {
		problems, err := check(content)
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

// remove takes a key, or the list in which it stands, out of a tree.
func remove(content map[string]any, key string) bool {
	key, _, _ = strings.Cut(key, "[")
	for _, name := range slices.Sorted(maps.Keys(content)) {
		if name == key {
			delete(content, name)
			return true
		}
		below, isMap := content[name].(map[string]any)
		if rest, in := strings.CutPrefix(key, name+"."); in && isMap && remove(below, rest) {
			if len(below) == 0 {
				delete(content, name)
			}
			return true
		}
	}
	return false
}

// Sets says whether c sets a key, or something below or above it, or takes it back to
// its default.
func Sets(c *Config, key string) bool {
	if c == nil {
		return false
	}
	key, _, _ = strings.Cut(key, "[")
	near := func(other string) bool {
		return other == key || strings.HasPrefix(other, key+".") || strings.HasPrefix(key, other+".")
	}
	return slices.ContainsFunc(c.Reset, near) || slices.ContainsFunc(fields(), func(f field) bool { return near(f.key) && f.set(c) })
}

// Known says whether a key is one of perpetual.yml.
func Known(key string) bool {
	holder := Holder(key)
	return slices.ContainsFunc(fields(), func(f field) bool { return f.key == holder })
}

// Holder is the key whose value holds that of another key, and so what null is written
// to: auth.local_users of auth.local_users.ada, proxy.no of proxy.no[0]. Others hold
// their own.
func Holder(key string) string {
	key, _, _ = strings.Cut(key, "[")
	for _, f := range fields() {
		if f.rule.Type == "object" && strings.HasPrefix(key, f.key+".") {
			return f.key
		}
	}
	return key
}

// Flag is the flag that sets a key, without its dashes; "" for none.
func Flag(key string) string {
	for _, s := range Settings() {
		if s.Key == key {
			return s.Flag
		}
	}
	return ""
}
