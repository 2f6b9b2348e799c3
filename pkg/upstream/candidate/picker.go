// Package candidate says which versions of an upstream count, by what source.watch asks
// for, and what was passed over.
package candidate

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

// Picker decides which versions of an upstream count, by its Watch.
type Picker struct {
	filter     *regexp.Regexp
	constraint *version.Constraint
	preRelease bool
	deny       []version.Version
}

// Candidate is a version that counts, and what it was called upstream.
type Candidate struct {
	Text  string // "1.3.0"
	Label string // the tag "v1.3.0", or the version itself
	order version.Version
}

// NewPicker reads what a Watch asks for. It expects a validated one.
func NewPicker(w resource.Watch) (*Picker, error) {
	p := &Picker{filter: defaultFilter(), preRelease: w.PreRelease}
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

// Version is what the filter takes from a tag: its last group, or the whole match.
func (p *Picker) Version(tag string) (string, bool) {
	groups := p.filter.FindStringSubmatch(tag)
	if groups == nil || groups[len(groups)-1] == "" {
		return "", false
	}
	return groups[len(groups)-1], true
}

// accept adds a version to list, or to what was passed over.
func (p *Picker) accept(list []Candidate, over *PassedOver, text, label string) []Candidate {
	order, err := version.Parse(text)
	c := Candidate{Text: text, Label: label, order: order}
	switch {
	case err != nil:
		over.NoVersion.Add(label)
	case p.limited(order):
		over.Limited.Add(text)
	case order.PreRelease() && !p.preRelease:
		over.PreReleases = append(over.PreReleases, c)
	default:
		return append(list, c)
	}
	return list
}

// limited says whether version or deny leave a version out.
func (p *Picker) limited(v version.Version) bool {
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

// Tags gives the candidates among a repository's tags, highest version first.
func (p *Picker) Tags(tags []string) (list []Candidate, over PassedOver) {
	for _, tag := range tags {
		if text, ok := p.Version(tag); ok {
			list = p.accept(list, &over, text, tag)
		} else {
			over.Unmatched.Add(tag)
		}
	}
	return highestFirst(list), over
}

// Versions gives the candidates among a bosh.io list, highest version first.
func (p *Picker) Versions(texts []string) (list []Candidate, over PassedOver) {
	for _, text := range texts {
		list = p.accept(list, &over, text, text)
	}
	return highestFirst(list), over
}

// highestFirst sorts; equal versions (v1.0.0 beside 1.0.0) keep a fixed order.
func highestFirst(list []Candidate) []Candidate {
	sort.Slice(list, func(i, j int) bool {
		if c := list[i].order.Compare(list[j].order); c != 0 {
			return c > 0
		}
		return strings.Compare(list[i].Label, list[j].Label) > 0
	})
	return list
}
