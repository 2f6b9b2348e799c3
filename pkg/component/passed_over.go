package component

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/version"
)

// passedOver is what an upstream has and what does not count, by the reason.
type passedOver struct {
	noVersion   tally // what cannot be read as a version
	unmatched   tally // tags of which the filter takes nothing
	limited     tally // left out by version or deny
	drafts      tally
	preReleases []candidate
	incomplete  int    // releases that lack assets
	why         string // the first of them, which is the highest: "1.3.0 is not offered yet: …"
}

// unready notes a release that lacks assets.
func (o *passedOver) unready(version string, err error) {
	if o.incomplete++; o.incomplete == 1 {
		o.why = fmt.Sprintf("%s is not offered yet: %v", version, err)
	}
}

// unfinished says which releases lack assets; "" for none.
func (o *passedOver) unfinished() string {
	switch o.incomplete {
	case 0, 1:
		return o.why
	case 2:
		return o.why + "; neither is 1 other"
	}
	return fmt.Sprintf("%s; neither are %d others", o.why, o.incomplete-1)
}

// tally counts, and keeps one example.
type tally struct {
	n       int
	example string
}

// add counts one. The example does not depend on the order: the greatest text, of
// those with a number if there are any.
func (t *tally) add(text string) {
	t.n++
	a, b := strings.ContainsAny(text, digits), strings.ContainsAny(t.example, digits)
	if t.n == 1 || a && !b || a == b && text > t.example {
		t.example = text
	}
}

const digits = "0123456789"

// of says how many, of what, and the example: "2 tags that are not versions, such as x".
func (t tally) of(one, many, rest string) string {
	example := t.example
	if quoted := strconv.Quote(example); example == "" || quoted != `"`+example+`"` {
		example = quoted
	}
	if t.n == 1 {
		return fmt.Sprintf("1 %s%s, %s", one, rest, example)
	}
	return fmt.Sprintf("%d %s%s, such as %s", t.n, many, rest, example)
}

// above tallies the pre-releases that are higher than a version, or all of them for "".
func (o passedOver) above(chosen string) (t tally) {
	order, err := version.Parse(chosen)
	var highest candidate
	for _, c := range o.preReleases {
		if chosen != "" && err == nil && c.order.Compare(order) <= 0 {
			continue
		}
		if t.n++; t.n == 1 || c.order.Compare(highest.order) > 0 {
			highest = c
		}
	}
	t.example = highest.version
	return t
}

// readable tells what was passed over because it could not be read, and how it could.
func (f *finder) readable(all bool) (list []string) {
	o, filtered := f.over, f.watch.TagFilter != ""
	none := o.noVersion
	if !filtered && o.unmatched.n > 0 { // the default filter takes what looks like a version
		none.add(o.unmatched.example)
		none.n += o.unmatched.n - 1
	}
	if none.n > 0 {
		switch {
		case !slices.Contains(f.kind.takes(), "tag_filter"):
			list = append(list, none.of("entry that is not a version", "entries that are not versions", ""))
		case filtered:
			list = append(list, none.of("tag of which", "tags of which", " tag_filter takes no version"))
		default:
			list = append(list, none.of("tag that is not a version", "tags that are not versions", "")+" (tag_filter says where in a tag the version is"+suggestion(none.example)+")")
		}
	}
	if all && filtered && o.unmatched.n > 0 {
		list = append(list, o.unmatched.of("tag that tag_filter does not match", "tags that tag_filter does not match", ""))
	}
	return list
}

// prefixed is a tag with a version behind something else.
var prefixed = `^([A-Za-z][A-Za-z0-9._/-]*?[/_-])v?([0-9]+(\.[0-9]+)*([-+][0-9A-Za-z.+-]+)?)$`

// suggestion is a filter that would read a tag, ": ^release-(.*)$"; "" where there is
// none to be seen.
func suggestion(tag string) string {
	groups := regexp.MustCompile(prefixed).FindStringSubmatch(tag)
	if groups == nil || !isVersion(groups[2]) {
		return ""
	}
	return ": ^" + regexp.QuoteMeta(groups[1]) + "v?(.*)$"
}

// sayPassedOver tells the build log what could have come before the chosen version.
func (f *finder) sayPassedOver(chosen string) {
	if text := f.over.unfinished(); text != "" {
		f.say("%s", text)
	}
	list := f.readable(false)
	if t := f.over.above(chosen); t.n > 0 {
		list = append(list, t.of("pre-release", "pre-releases", "")+" (pre_release: true would admit such)")
	}
	if len(list) > 0 {
		f.say("passed over %s", strings.Join(list, "; "))
	}
}

// nothingError says that an upstream answers and has no version that counts.
type nothingError struct{ text string }

// Error implements error.
func (e *nothingError) Error() string { return e.text }

// errNothing is the error for an upstream without any version that counts.
func (f *finder) errNothing(upstream string) error {
	text := fmt.Sprintf("find versions in %s: there is none that counts", upstream)
	if limits := f.limits(); len(limits) > 0 {
		text = fmt.Sprintf("find versions in %s: there is none that satisfies %s", upstream, strings.Join(limits, " and "))
	}
	list := f.readable(true)
	if t := f.over.above(""); t.n > 0 {
		list = append(list, t.of("pre-release", "pre-releases", "")+" (pre_release: true would admit such)")
	}
	if t := f.over.drafts; t.n > 0 {
		list = append(list, t.of("draft", "drafts", "")+" (drafts: true would admit such)")
	}
	if t := f.over.limited; t.n > 0 {
		list = append(list, t.of("version", "versions", " that version or deny leave out"))
	}
	if len(list) > 0 {
		text += "; passed over: " + strings.Join(list, "; ")
	}
	if unfinished := f.over.unfinished(); unfinished != "" {
		text += "; " + unfinished
	}
	return &nothingError{text}
}

// limits are the keys that leave versions out.
func (f *finder) limits() (list []string) {
	if f.watch.Version != "" {
		list = append(list, "version "+f.watch.Version)
	}
	if f.watch.TagFilter != "" {
		list = append(list, "tag_filter "+f.watch.TagFilter)
	}
	if f.watch.MinAge.Duration > 0 {
		list = append(list, "min_age "+f.watch.MinAge.String())
	}
	if len(f.watch.Assets) > 0 {
		list = append(list, "assets "+strings.Join(f.watch.Assets, ", "))
	}
	if len(f.watch.Deny) > 0 {
		list = append(list, "deny "+strings.Join(f.watch.Deny, ", "))
	}
	if f.plain {
		list = append(list, "digests, without which nothing is taken over http://")
	}
	if f.watch.Light {
		list = append(list, "light")
	}
	if f.watch.Regular {
		list = append(list, "regular")
	}
	return list
}
