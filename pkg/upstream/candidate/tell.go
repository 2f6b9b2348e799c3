package candidate

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/version"
)

// readable tells what was passed over because it could not be read, and how it could.
func (c *Chooser) readable(all bool) (list []string) {
	o, filtered := c.Over, c.Watch.TagFilter != ""
	none := o.NoVersion
	if !filtered && o.Unmatched.N > 0 { // the default filter takes what looks like a version
		none.Add(o.Unmatched.Example)
		none.N += o.Unmatched.N - 1
	}
	if none.N > 0 {
		switch {
		case !c.tags:
			list = append(list, none.Of("entry that is not a version", "entries that are not versions", ""))
		case filtered:
			list = append(list, none.Of("tag of which", "tags of which", " tag_filter takes no version"))
		default:
			list = append(list, none.Of("tag that is not a version", "tags that are not versions", "")+" (tag_filter says where in a tag the version is"+suggestion(none.Example)+")")
		}
	}
	if all && filtered && o.Unmatched.N > 0 {
		list = append(list, o.Unmatched.Of("tag that tag_filter does not match", "tags that tag_filter does not match", ""))
	}
	return list
}

// prefixed is a tag with a version behind something else.
var prefixed = `^([A-Za-z][A-Za-z0-9._/-]*?[/_-])v?([0-9]+(\.[0-9]+)*([-+][0-9A-Za-z.+-]+)?)$`

// suggestion is a filter that would read a tag, ": ^release-(.*)$"; "" where there is
// none to be seen.
func suggestion(tag string) string {
	groups := regexp.MustCompile(prefixed).FindStringSubmatch(tag)
	if groups == nil || !version.Valid(groups[2]) {
		return ""
	}
	return ": ^" + regexp.QuoteMeta(groups[1]) + "v?(.*)$"
}

// SayPassedOver tells the build log what could have come before the chosen version.
func (c *Chooser) SayPassedOver(chosen string) {
	if text := c.Over.Unfinished(); text != "" {
		c.Say("%s", text)
	}
	list := c.readable(false)
	if t := c.Over.Above(chosen); t.N > 0 {
		list = append(list, t.Of("pre-release", "pre-releases", "")+" (pre_release: true would admit such)")
	}
	if len(list) > 0 {
		c.Say("passed over %s", strings.Join(list, "; "))
	}
}

// NothingError says that an upstream answers and has no version that counts.
type NothingError struct{ Text string }

// Error implements error.
func (e *NothingError) Error() string { return e.Text }

// Nothing is the error for an upstream without any version that counts.
func (c *Chooser) Nothing(upstream string) error {
	text := fmt.Sprintf("find versions in %s: there is none that counts", upstream)
	if limits := c.limits(); len(limits) > 0 {
		text = fmt.Sprintf("find versions in %s: there is none that satisfies %s", upstream, strings.Join(limits, " and "))
	}
	list := c.readable(true)
	if t := c.Over.Above(""); t.N > 0 {
		list = append(list, t.Of("pre-release", "pre-releases", "")+" (pre_release: true would admit such)")
	}
	if t := c.Over.Drafts; t.N > 0 {
		list = append(list, t.Of("draft", "drafts", "")+" (drafts: true would admit such)")
	}
	if t := c.Over.Limited; t.N > 0 {
		list = append(list, t.Of("version", "versions", " that version or deny leave out"))
	}
	if len(list) > 0 {
		text += "; passed over: " + strings.Join(list, "; ")
	}
	if unfinished := c.Over.Unfinished(); unfinished != "" {
		text += "; " + unfinished
	}
	return &NothingError{text}
}

// limits are the keys that leave versions out.
func (c *Chooser) limits() (list []string) {
	if c.Watch.Version != "" {
		list = append(list, "version "+c.Watch.Version)
	}
	if c.Watch.TagFilter != "" {
		list = append(list, "tag_filter "+c.Watch.TagFilter)
	}
	if c.Watch.MinAge.Duration > 0 {
		list = append(list, "min_age "+c.Watch.MinAge.String())
	}
	if len(c.Watch.Assets) > 0 {
		list = append(list, "assets "+strings.Join(c.Watch.Assets, ", "))
	}
	if len(c.Watch.Deny) > 0 {
		list = append(list, "deny "+strings.Join(c.Watch.Deny, ", "))
	}
	if c.Clear {
		list = append(list, "digests, without which nothing is taken over http://")
	}
	if c.Watch.Light {
		list = append(list, "light")
	}
	if c.Watch.Regular {
		list = append(list, "regular")
	}
	return list
}
