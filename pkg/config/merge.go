package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
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
	for _, s := range sections() {
		if v := s.in(given); !v.IsNil() && s.in(merged).IsNil() {
			s.in(merged).Set(reflect.New(v.Type().Elem()))
		}
	}
	for _, f := range fields() {
		if f.set(given) {
			f.copy(merged, given)
		}
	}
	return merged, nil
}

// reset takes key, and all below it, out of c.
func reset(c *Config, key string) {
	for _, s := range sections() {
		if s.within(key) && s.of(c).IsValid() {
			s.clear(c)
		}
	}
	for _, f := range fields() {
		if f.within(key) {
			f.clear(c)
		}
	}
}

// compareImmutable looks for a given value that may not differ from the stored one.
func compareImmutable(stored, given *Config) error {
	for _, f := range fields() {
		if !f.rule.Immutable {
			continue
		}
		changed := f.set(given) && differs(f, stored, given)
		if slices.ContainsFunc(given.Reset, f.within) && f.set(stored) && !f.set(given) {
			changed = true
		}
		if changed {
			return &ImmutableError{Key: f.key, Stored: f.show(stored), Given: f.show(given)}
		}
	}
	return nil
}

// differs says whether the given value is not the stored one. A value that was left
// open when the installation was made may still be named, as the account; but not a
// network, since one was made then.
func differs(f field, stored, given *Config) bool {
	if !f.set(stored) {
		return strings.HasPrefix(f.key, "aws.network.") && stored.AWS != nil
	}
	return !reflect.DeepEqual(f.plain(stored), f.plain(given))
}
