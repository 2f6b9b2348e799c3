package config

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// hidden stands for a secret in what is shown.
const hidden = "(hidden)"

// Change is one key that differs between two configurations.
type Change struct {
	Key string // "workers.count", "aws.tags.team"
	Old string // `2`, `["a", "b"]`, "(hidden)" for a secret; "" for not set
	New string
}

// Diff lists what differs, in the order of the file; maps key by key. Secrets are
// hidden, and so are the values of manifest.vars, which may be secrets as well. Texts
// of several lines, such as certificates, are shown by their length and digest. The
// section state is left out, since it is not stored.
func Diff(old, new *Config) []Change {
	var changes []Change
	for _, f := range fields() {
		before, after := f.value(old), f.value(new)
		switch {
		case f.key == "schema" || f.within("state") || reflect.DeepEqual(before, after):
		case f.rule.Type == "object":
			changes = append(changes, f.diffMap(before, after)...)
		default:
			changes = append(changes, Change{Key: f.key, Old: f.show(old), New: f.show(new)})
		}
	}
	return changes
}

// value is the plain value in c, nil when it is not set.
func (f field) value(c *Config) any {
	if !f.set(c) {
		return nil
	}
	return f.plain(c)
}

// diffMap is Diff of a map.
func (f field) diffMap(old, new any) []Change {
	before, _ := old.(map[string]any)
	after, _ := new.(map[string]any)
	names := slices.Collect(maps.Keys(before))
	for name := range after {
		if _, both := before[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var changes []Change
	for _, name := range names {
		a, was := before[name]
		b, is := after[name]
		if was == is && reflect.DeepEqual(a, b) {
			continue
		}
		changes = append(changes, Change{Key: join(f.key, name), Old: f.shown(a, was), New: f.shown(b, is)})
	}
	return changes
}

// show is the value in c for people.
func (f field) show(c *Config) string { return f.shown(f.value(c), f.set(c)) }

// shown is a value for people.
func (f field) shown(value any, set bool) string {
	switch {
	case !set:
		return ""
	case f.rule.Secret || f.key == "manifest.vars":
		return hidden
	}
	switch v := value.(type) {
	case string:
		if lines := strings.Count(strings.TrimSpace(v), "\n") + 1; lines > 1 {
			return fmt.Sprintf("(%d lines, sha256 %.4x)", lines, sha256.Sum256([]byte(v)))
		}
		return v
	case []any:
		var items []string
		for _, item := range v {
			items = append(items, fmt.Sprint(item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	text, _ := json.Marshal(value)
	return string(text)
}
