package component

import (
	"regexp"
	"sort"
	"strings"
	"sync"

	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/version"
)

// defaultFilter takes a leading v off a tag.
var defaultFilter = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^v?([0-9].*)$`) })

// picker decides which versions of an upstream count, by its Watch.
type picker struct {
	filter     *regexp.Regexp
	constraint *version.Constraint
	preRelease bool
	deny       []version.Version
}

// candidate is a version that counts, and what it was called upstream.
type candidate struct {
	version string // "1.3.0"
	label   string // the tag "v1.3.0", or the version itself
	order   version.Version
}

// newPicker expects a validated Watch.
func newPicker(w resource.Watch) (*picker, error) {
	p := &picker{filter: defaultFilter(), preRelease: w.PreRelease}
	var err error
	for _, text := range w.Deny {
		denied, err := version.Parse(text)
		if err != nil {
			return nil, err
		}
		p.deny = append(p.deny, denied)
	}
	if w.TagFilter != "" {
		if p.filter, err = regexp.Compile(w.TagFilter); err != nil {
			return nil, err
		}
	}
	if w.Version != "" {
		if p.constraint, err = version.ParseConstraint(w.Version); err != nil {
			return nil, err
		}
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

// accept adds a version to list, or to what was passed over.
func (p *picker) accept(list []candidate, over *passedOver, text, label string) []candidate {
	order, err := version.Parse(text)
	c := candidate{version: text, label: label, order: order}
	switch {
	case err != nil:
		over.noVersion.add(label)
	case p.limited(order):
		over.limited.add(text)
	case order.PreRelease() && !p.preRelease:
		over.preReleases = append(over.preReleases, c)
	default:
		return append(list, c)
	}
	return list
}

// limited says whether version or deny leave a version out.
func (p *picker) limited(v version.Version) bool {
	if p.constraint != nil && !p.constraint.Allows(v) {
		return true
	}
	for _, denied := range p.deny {
		if denied.Covers(v) {
			return true
		}
	}
	return false
}

// tags gives the candidates among a repository's tags, highest version first.
func (p *picker) tags(tags []string) (list []candidate, over passedOver) {
	for _, tag := range tags {
		if text, ok := p.version(tag); ok {
			list = p.accept(list, &over, text, tag)
		} else {
			over.unmatched.add(tag)
		}
	}
	return highestFirst(list), over
}

// versions gives the candidates among a bosh.io list, highest version first.
func (p *picker) versions(texts []string) (list []candidate, over passedOver) {
	for _, text := range texts {
		list = p.accept(list, &over, text, text)
	}
	return highestFirst(list), over
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
	_, err := version.Parse(text)
	return err == nil
}

// newer says whether a is a higher version than b; an unparsable b is never in the way.
func newer(a, b string) bool {
	return isVersion(a) && (!isVersion(b) || Lower(b, a))
}
