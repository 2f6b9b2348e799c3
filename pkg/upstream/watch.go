package upstream

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/signature"
	"github.com/perpetual-ci/perpetual/pkg/upstream/repository"
	"github.com/perpetual-ci/perpetual/pkg/version"
)

// Validate reports the first thing in source.watch that cannot work, by key. A source
// without it has nothing to report.
func Validate(s resource.Source) error {
	prefixes := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(s.Watch)) {
		prefix := strings.ReplaceAll(name, "-", "_") // of its variables
		if other, taken := prefixes[prefix]; taken {
			return fmt.Errorf("validate source.watch: %s and %s would both give the variables %s_version and so on", other, name, prefix)
		}
		prefixes[prefix] = name
		w := s.Watch[name]
		if err := validate(name, w); err != nil {
			return fmt.Errorf("validate source.watch.%s: %w", name, err)
		}
		if err := validatePlain(s, name, w); err != nil {
			return err
		}
	}
	return nil
}

// componentName keeps names usable as directories and as var names.
var componentName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z][a-z0-9_-]*$`) })

// validate refuses a watch that cannot work.
func validate(name string, w resource.Watch) error {
	if !componentName().MatchString(name) || strings.HasSuffix(name, ".yml") {
		return errors.New("want a name of lower-case letters, digits, - and _ that starts with a letter")
	}
	if err := validateKind(w); err != nil {
		return err
	}
	if w.Version != "" {
		if _, err := version.ParseConstraint(w.Version); err != nil {
			return fmt.Errorf("version: %w", err)
		}
	}
	for _, denied := range w.Deny {
		if !version.Valid(denied) {
			return fmt.Errorf("deny: want versions like 8.2.1, got %q", denied)
		}
	}
	if _, err := regexp.Compile(w.TagFilter); err != nil {
		return fmt.Errorf("tag_filter: %w", err)
	}
	for _, glob := range w.Assets {
		if _, err := path.Match(glob, ""); err != nil {
			return fmt.Errorf("assets: %q is not a valid glob", glob)
		}
	}
	if _, err := signature.Trusted(w.Keys); err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	return validateDigests(w)
}

// validateKind wants exactly one upstream, and only keys that mean something for it.
func validateKind(w resource.Watch) error {
	all := make([]string, len(kinds))
	for i, k := range kinds {
		all[i] = k.key()
	}
	list := kindsOf(w)
	switch {
	case len(list) == 0:
		return fmt.Errorf("unknown component kind; want one of %s", strings.Join(all, ", "))
	case len(list) > 1:
		return fmt.Errorf("want only one of %s", strings.Join(all, ", "))
	}
	for _, key := range keysOf(w) {
		takers := kindKeys(func(k kind) bool { return slices.Contains(k.takes(), key) })
		if takers != "" && !slices.Contains(list[0].takes(), key) {
			return fmt.Errorf("%s: only %s components have it", key, takers)
		}
	}
	return list[0].validate(w)
}

// keysOf are the keys that a watch has.
func keysOf(w resource.Watch) (keys []string) {
	v := reflect.ValueOf(w)
	for i := range v.NumField() {
		field := v.Field(i)
		list := field.Kind() == reflect.Slice || field.Kind() == reflect.Map
		if !field.IsZero() && !(list && field.Len() == 0) { // "assets: []" asks for nothing
			keys = append(keys, v.Type().Field(i).Tag.Get("json"))
		}
	}
	return keys
}

// validateDigests wants a SHA-256 for each file, as sha256sum and GitHub write it.
func validateDigests(w resource.Watch) error {
	for _, file := range slices.Sorted(maps.Keys(w.Digests)) {
		raw, err := hex.DecodeString(strings.TrimPrefix(w.Digests[file], "sha256:"))
		if err != nil || len(raw) != sha256.Size {
			return fmt.Errorf("digests: want a SHA-256 of 64 hexadecimal digits for %q, got %q", file, w.Digests[file])
		}
		if want := watched(w).pins(file); want != "" {
			return fmt.Errorf("digests: want %s, got %q", want, file)
		}
	}
	return nil
}

// pinsVersions is kind.pins where a version has one digest.
func pinsVersions(key string) string {
	if version.Valid(key) {
		return ""
	}
	return "a version such as 8.2.5"
}

// validatePlain wants digests in the source where the list's own say nothing. Releases of
// Perpetual have them in their signed statement.
func validatePlain(s resource.Source, name string, w resource.Watch) error {
	key, address := watched(w).asked(s, w)
	if !inClear(address) || len(w.Digests) > 0 || repository.IsProgram(name, w) && !w.AllowUnsigned {
		return nil
	}
	return fmt.Errorf("validate source.watch.%s: source.%s is http://, where anybody between can change lists and digests: give https://, or the digests of the versions that may be taken in source.watch.%s.digests", name, key, name)
}

// inClear says whether a URL sends everything in clear through a network: then anybody
// between can change a list, digests and all, so what counts are the digests of the source.
func inClear(text string) bool {
	parsed, err := url.Parse(text)
	return err == nil && parsed.Scheme == "http" && !dial.Local(parsed.Hostname())
}
