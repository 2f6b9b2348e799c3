package component

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// readable tells what was passed over because it could not be read, and how it could.
func (f *finder) readable(all bool) (list []string) {
	o, filtered := f.over, f.watch.TagFilter != ""
	none := o.NoVersion
	if !filtered && o.Unmatched.N > 0 { // the default filter takes what looks like a version
		none.Add(o.Unmatched.Example)
		none.N += o.Unmatched.N - 1
	}
	if none.N > 0 {
		switch {
		case !slices.Contains(f.kind.takes(), "tag_filter"):
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
	if groups == nil || !isVersion(groups[2]) {
		return ""
	}
	return ": ^" + regexp.QuoteMeta(groups[1]) + "v?(.*)$"
}

// sayPassedOver tells the build log what could have come before the chosen version.
func (f *finder) sayPassedOver(chosen string) {
	if text := f.over.Unfinished(); text != "" {
		f.say("%s", text)
	}
	list := f.readable(false)
	if t := f.over.Above(chosen); t.N > 0 {
		list = append(list, t.Of("pre-release", "pre-releases", "")+" (pre_release: true would admit such)")
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
	if t := f.over.Above(""); t.N > 0 {
		list = append(list, t.Of("pre-release", "pre-releases", "")+" (pre_release: true would admit such)")
	}
	if t := f.over.Drafts; t.N > 0 {
		list = append(list, t.Of("draft", "drafts", "")+" (drafts: true would admit such)")
	}
	if t := f.over.Limited; t.N > 0 {
		list = append(list, t.Of("version", "versions", " that version or deny leave out"))
	}
	if len(list) > 0 {
		text += "; passed over: " + strings.Join(list, "; ")
	}
	if unfinished := f.over.Unfinished(); unfinished != "" {
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
