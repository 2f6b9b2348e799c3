package candidate

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/version"
)

// PassedOver is what an upstream has and what does not count, by the reason.
type PassedOver struct {
	NoVersion   Tally       // what cannot be read as a version
	Unmatched   Tally       // tags of which the filter takes nothing
	Limited     Tally       // left out by version or deny
	Drafts      Tally       // of GitHub
	PreReleases []Candidate // in any order
	incomplete  int         // releases that lack assets
	why         string      // the first of them, which is the highest: "1.3.0 is not offered yet: …"
}

// Unready notes a release that lacks assets.
func (o *PassedOver) Unready(version string, err error) {
	if o.incomplete++; o.incomplete == 1 {
		o.why = fmt.Sprintf("%s is not offered yet: %v", version, err)
	}
}

// Unfinished says which releases lack assets; "" for none.
func (o *PassedOver) Unfinished() string {
	switch o.incomplete {
	case 0, 1:
		return o.why
	case 2:
		return o.why + "; neither is 1 other"
	}
	return fmt.Sprintf("%s; neither are %d others", o.why, o.incomplete-1)
}

// Tally counts, and keeps one example.
type Tally struct {
	N       int
	Example string // "" where N is 0
}

// Add counts one. The example does not depend on the order: the greatest text, of
// those with a number if there are any.
func (t *Tally) Add(text string) {
	t.N++
	a, b := strings.ContainsAny(text, digits), strings.ContainsAny(t.Example, digits)
	if t.N == 1 || a && !b || a == b && text > t.Example {
		t.Example = text
	}
}

const digits = "0123456789"

// Of says how many, of what, and the example: "2 tags that are not versions, such as x".
func (t Tally) Of(one, many, rest string) string {
	example := t.Example
	if quoted := strconv.Quote(example); example == "" || quoted != `"`+example+`"` {
		example = quoted
	}
	if t.N == 1 {
		return fmt.Sprintf("1 %s%s, %s", one, rest, example)
	}
	return fmt.Sprintf("%d %s%s, such as %s", t.N, many, rest, example)
}

// Above tallies the pre-releases that are higher than a version, or all of them for "".
func (o PassedOver) Above(chosen string) (t Tally) {
	order, err := version.Parse(chosen)
	var highest Candidate
	for _, c := range o.PreReleases {
		if chosen != "" && err == nil && c.order.Compare(order) <= 0 {
			continue
		}
		if t.N++; t.N == 1 || c.order.Compare(highest.order) > 0 {
			highest = c
		}
	}
	t.Example = highest.Text
	return t
}
