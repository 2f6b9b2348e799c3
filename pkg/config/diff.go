package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/config/binding"
	"github.com/perpetual-ci/perpetual/pkg/config/schema"
	"github.com/perpetual-ci/perpetual/pkg/difference"
)

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
	for _, f := range Keys().Fields() {
		before, after := f.Value(old), f.Value(new)
		switch {
		case f.Key == "schema" || f.Within("state") || reflect.DeepEqual(before, after):
		case f.Rule.Type == "object":
			changes = append(changes, diffMap(f, before, after)...)
		default:
			changes = append(changes, Change{Key: f.Key, Old: f.Show(old), New: f.Show(new)})
		}
	}
	return changes
}

// diffMap is Diff of a map.
func diffMap(f binding.Field[Config], old, new any) []Change {
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
		change := Change{Key: schema.Join(f.Key, name), Old: f.Rule.Show(a, was), New: f.Rule.Show(b, is)}
		if f.Key == "manifest.vars" && !artifact(name) {
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
	return schema.Hidden
}
