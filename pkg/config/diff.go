package config

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/difference"
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
// hidden, and so are the values of manifest.vars, which may be secrets as well, but for
// those that say what the director is made of. Texts of several lines, such as certificates, are shown by their length and digest. The
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
		change := Change{Key: join(f.key, name), Old: f.shown(a, was), New: f.shown(b, is)}
		if f.key == "manifest.vars" && !artifact(name) {
			change.Old, change.New = hide(was), hide(is)
		}
		change.Old, change.New = difference.URL(change.Old), difference.URL(change.New)
		changes = append(changes, change)
	}
	return changes
}

// artifact says whether a variable of the manifests is a URL, digest or version of what
// the director is made of: "director_cpi_url".
func artifact(name string) bool {
	rest, ours := strings.CutPrefix(name, "director_")
	_, what, of := strings.Cut(rest, "_")
	return ours && of && (what == "url" || what == "sha1" || what == "version")
}

// hide stands for a value that may be a secret.
func hide(set bool) string {
	if !set {
		return ""
	}
	return hidden
}

// show is the value in c for people.
func (f field) show(c *Config) string { return f.shown(f.value(c), f.set(c)) }

// shown is a value for people.
func (f field) shown(value any, set bool) string {
	switch {
	case !set:
		return ""
	case f.rule.Secret:
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
