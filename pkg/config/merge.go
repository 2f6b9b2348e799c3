package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/config/binding"
)

// ImmutableError says that a key was given another value than the installation was
// made with.
type ImmutableError struct {
	Key    string // "aws.region"
	Stored string // "eu-central-1"; "" for what was not chosen then
	Given  string // "eu-west-1"; "" for null
}

// Error implements error.
func (e *ImmutableError) Error() string {
	stored, given := e.Stored, e.Given
	if stored == "" {
		stored = "none"
	}
	if given == "" {
		given = "null"
	}
	return fmt.Sprintf("%s: is %s since the first deploy and cannot become %s; nothing was changed: "+
		"leave the key out, or install under another name, or destroy this installation first", e.Key, stored, given)
}

// Merge lays what a user gives this time over what is stored. What is given wins,
// and what is not given stays; nothing is reset by being left out. Sections merge key
// by key, lists and maps replace the stored one whole, and keys in given.Reset lose
// their stored value before the given ones are laid over. Keys that must stay as they
// were at the first deploy are compared only when they are given: another value is an
// *ImmutableError, and the stored configuration is what Pinned gave then. Either may
// be nil; neither is changed.
func Merge(stored, given *Config) (*Config, error) {
	merged := clone(stored)
	merged.Reset = nil
	if given == nil {
		return merged, nil
	}
	if stored != nil {
		if err := compareImmutable(Pinned(stored), given); err != nil {
			return nil, err
		}
	}
	for _, key := range given.Reset {
		reset(merged, key)
	}
	for _, s := range Keys().Sections() {
		if s.Set(given) && !s.Set(merged) {
			s.Make(merged)
		}
	}
	for _, f := range Keys().Fields() {
		if f.Set(given) {
			f.Copy(merged, given)
		}
	}
	return merged, nil
}

// reset takes key, and all below it, out of c.
func reset(c *Config, key string) {
	for _, s := range Keys().Sections() {
		if s.Within(key) {
			s.Clear(c)
		}
	}
	for _, f := range Keys().Fields() {
		if f.Within(key) {
			f.Clear(c)
		}
	}
}

// compareImmutable looks for a given value that may not differ from the stored one.
func compareImmutable(stored, given *Config) error {
	for _, f := range Keys().Fields() {
		if !f.Rule.Immutable {
			continue
		}
		changed := f.Set(given) && differs(f, stored, given)
		if slices.ContainsFunc(given.Reset, f.Within) && f.Set(stored) && !f.Set(given) {
			changed = true
		}
		if changed {
			return &ImmutableError{Key: f.Key, Stored: f.Show(stored), Given: f.Show(given)}
		}
	}
	return nil
}

// differs says whether the given value is not the stored one. A value that was left
// open when the installation was made may still be named, as the account; but not a
// network, since one was made then.
func differs(f binding.Field[Config], stored, given *Config) bool {
	if !f.Set(stored) {
		return strings.HasPrefix(f.Key, "aws.network.") && stored.AWS != nil
	}
	return !reflect.DeepEqual(f.Plain(stored), f.Plain(given))
}

// clone is a copy that shares nothing with c.
func clone(c *Config) *Config {
	out := Keys().Clone(c)
	if c != nil {
		out.Reset = append([]string(nil), c.Reset...)
	}
	return out
}
