package version

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/Masterminds/semver/v3"
)

// Constraint is a condition on versions: 8.x, >=1.2 <2, ~1.2.3.4. What follows a + in
// a version is not looked at.
type Constraint struct {
	any [][]condition // one of them wants all of its conditions met
}

// condition is one part of a constraint.
type condition func(Version) bool

var (
	hyphen   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(\S+)\s+-\s+(\S+)`) })
	operator = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[\s,]*([=<>~^!]+)\s*`) })
)

// ParseConstraint reads a constraint in the notation of Masterminds/semver, whose
// bounds may have any number of numbers.
func ParseConstraint(text string) (*Constraint, error) {
	if len(text) > semver.MaxConstraintLen {
		return nil, fmt.Errorf("want a constraint of at most %d bytes", semver.MaxConstraintLen)
	}
	c := &Constraint{}
	for group := range strings.SplitSeq(text, "||") {
		conditions, err := parseGroup(group)
		if err != nil {
			return nil, fmt.Errorf("want a constraint like 8.x or >=1.0.0, got %q", text)
		}
		c.any = append(c.any, conditions)
	}
	return c, nil
}

// parseGroup reads conditions that all have to be met. Those with long bounds are this
// package's own; the rest goes to the library as it is.
func parseGroup(text string) ([]condition, error) {
	if !strings.Contains(text, ".") { // none can be long
		return plain(text)
	}
	var short []string
	var list []condition
	spaced := operator().ReplaceAllString(hyphen().ReplaceAllString(text, ">=$1 <=$2"), " $1")
	for _, term := range strings.FieldsFunc(spaced, func(r rune) bool { return r == ' ' || r == ',' }) {
		bound := strings.TrimLeft(term, "=<>~^!")
		release, _, _ := strings.Cut(bound, "-")
		if strings.Count(release, ".") < 3 {
			short = append(short, term)
			continue
		}
		one, err := long(term[:len(term)-len(bound)], bound)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	if len(list) == 0 {
		return plain(text)
	}
	if len(short) == 0 {
		return list, nil
	}
	rest, err := plain(strings.Join(short, " "))
	return append(list, rest...), err
}

// plain is the library's part. Whether pre-releases count at all is not its business.
func plain(text string) ([]condition, error) {
	constraints, err := semver.NewConstraint(text)
	if err != nil {
		return nil, err
	}
	constraints.IncludePrerelease = true
	return []condition{func(v Version) bool { return constraints.Check(v.semantic()) }}, nil
}

// long is a condition with a bound of more than three numbers.
func long(op, text string) (condition, error) {
	fixed := text
	for strings.HasSuffix(fixed, ".x") || strings.HasSuffix(fixed, ".X") || strings.HasSuffix(fixed, ".*") {
		fixed = fixed[:len(fixed)-2]
	}
	bound, err := Parse(fixed)
	if err != nil {
		return nil, err
	}
	compare := func(v Version) int { return v.compareNumber(bound) }
	within := func(n int) condition { // a version of the same first numbers, and no lower one
		return func(v Version) bool { return compare(v) >= 0 && same(v.release, bound.release, n) }
	}
	is := func(v Version) bool { return compare(v) == 0 }
	if fixed != text {
		is = func(v Version) bool { return same(v.release, bound.release, len(bound.release)) }
		if op != "" && op != "=" && op != "!=" {
			return nil, errors.New("a wildcard has no order")
		}
	}
	switch op {
	case "", "=":
		return is, nil
	case "!=":
		return func(v Version) bool { return !is(v) }, nil
	case ">":
		return func(v Version) bool { return compare(v) > 0 }, nil
	case "<":
		return func(v Version) bool { return compare(v) < 0 }, nil
	case ">=", "=>":
		return func(v Version) bool { return compare(v) >= 0 }, nil
	case "<=", "=<":
		return func(v Version) bool { return compare(v) <= 0 }, nil
	case "~", "~>":
		return within(2), nil
	case "^":
		n := 1
		for n < len(bound.release) && bound.release[n-1] == 0 {
			n++
		}
		return within(n), nil
	}
	return nil, fmt.Errorf("there is no operator %s", op)
}

// same says whether the first n numbers are the same.
func same(a, b []uint64, n int) bool {
	for i := range n {
		if at(a, i) != at(b, i) {
			return false
		}
	}
	return true
}

// Allows says whether a version meets the constraint.
func (c *Constraint) Allows(v Version) bool {
	for _, group := range c.any {
		met := true
		for _, condition := range group {
			met = met && condition(v)
		}
		if met {
			return true
		}
	}
	return false
}
