package component

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/Masterminds/semver/v3"

	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// defaultFilter takes a leading v off a tag.
var defaultFilter = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^v?([0-9].*)$`) })

// picker decides which versions of an upstream count, by its Watch.
type picker struct {
	filter     *regexp.Regexp
	constraint *semver.Constraints
	preRelease bool
	deny       []*semver.Version
}

// candidate is a version that counts, and what it was called upstream.
type candidate struct {
	version string // "1.3.0"
	label   string // the tag "v1.3.0", or the version itself
	order   *semver.Version
}

// newPicker expects a validated Watch.
func newPicker(w resource.Watch) (*picker, error) {
	p := &picker{filter: defaultFilter(), preRelease: w.PreRelease}
	var err error
	for _, text := range w.Deny {
		version, err := semver.NewVersion(text)
		if err != nil {
			return nil, fmt.Errorf("deny %q: %w", text, err)
		}
		p.deny = append(p.deny, version)
	}
	if w.TagFilter != "" {
		if p.filter, err = regexp.Compile(w.TagFilter); err != nil {
			return nil, err
		}
	}
	if w.Version != "" {
		if p.constraint, err = semver.NewConstraint(w.Version); err != nil {
			return nil, err
		}
		p.constraint.IncludePrerelease = w.PreRelease
	}
	return p, nil
}

// version is what the filter takes from a tag: its last group, or the whole match.
func (p *picker) version(tag string) (string, bool) {
	groups := p.filter.FindStringSubmatch(tag)
	if groups == nil || groups[len(groups)-1] == "" {
		return "", false
	}
	return groups[len(groups)-1], true
}

// accept says whether a version counts. unparsable is true when it is no version at all.
func (p *picker) accept(version, label string) (c candidate, ok, unparsable bool) {
	order, err := semver.NewVersion(version)
	if err != nil {
		return candidate{}, false, true
	}
	switch {
	case order.Prerelease() != "" && !p.preRelease,
		p.constraint != nil && !p.constraint.Check(order),
		slices.ContainsFunc(p.deny, order.Equal):
		return candidate{}, false, false
	}
	return candidate{version: version, label: label, order: order}, true, false
}

// tags gives the candidates among a repository's tags, highest version first.
// Tags that are no versions are not worth a word: repositories have many.
func (p *picker) tags(tags []string) []candidate {
	var out []candidate
	for _, tag := range tags {
		if version, ok := p.version(tag); ok {
			if c, ok, _ := p.accept(version, tag); ok {
				out = append(out, c)
			}
		}
	}
	return highestFirst(out)
}

// versions gives the candidates among a bosh.io list, highest version first,
// and the texts in it that are no versions.
func (p *picker) versions(list []string) (out []candidate, unparsable []string) {
	for _, version := range list {
		c, ok, bad := p.accept(version, version)
		if bad {
			unparsable = append(unparsable, version)
		}
		if ok {
			out = append(out, c)
		}
	}
	return highestFirst(out), unparsable
}

// highestFirst sorts; equal versions (v1.0.0 beside 1.0.0) keep a fixed order.
func highestFirst(list []candidate) []candidate {
	sort.Slice(list, func(i, j int) bool {
		if c := list[i].order.Compare(list[j].order); c != 0 {
			return c > 0
		}
		return strings.Compare(list[i].label, list[j].label) > 0
	})
	return list
}

// isVersion says whether a text can be compared as a version.
func isVersion(text string) bool {
	_, err := semver.NewVersion(text)
	return err == nil
}

// newer says whether a is a higher version than b; an unparsable b is never in the way.
func newer(a, b string) bool {
	return isVersion(a) && (!isVersion(b) || Lower(b, a))
}
