package config

import (
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/config/binding"
)

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
	return slices.ContainsFunc(c.Reset, near) || slices.ContainsFunc(Keys().Fields(), func(f binding.Field[Config]) bool { return near(f.Key) && f.Set(c) })
}

// Known says whether a key is one of perpetual.yml.
func Known(key string) bool {
	_, known := Keys().Field(Holder(key))
	return known
}

// Holder is the key whose value holds that of another key, and so what null is written
// to: auth.local_users of auth.local_users.ada, proxy.no of proxy.no[0]. Others hold
// their own.
func Holder(key string) string {
	key, _, _ = strings.Cut(key, "[")
	for _, f := range Keys().Fields() {
		if f.Rule.Type == "object" && strings.HasPrefix(key, f.Key+".") {
			return f.Key
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
