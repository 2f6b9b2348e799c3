package config

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/perpetual-ci/perpetual/pkg/secret"
)

var (
	// opaque are the keys under which pipelines hold whatever users put there,
	// credentials included. Text under them is hidden unless it is known to be harmless.
	opaque = map[string]bool{
		"source": true, "defaults": true, "params": true, "get_params": true,
		"vars": true, "instance_vars": true, "args": true, "user_data": true,
	}
	// naming are keys under opaque ones whose values say what is used, not with
	// what right; an upgrade's diff is about them.
	naming = map[string]bool{
		"branch": true, "tag": true, "version": true, "release": true, "stemcell": true,
		"repository": true, "deployment": true, "team": true, "tag_filter": true,
	}
	// wholeVar is a value that Concourse resolves: ((github.token)).
	wholeVar = lazy(`^\(\([^()\s]+\)\)$`)
	// harmless is what a naming key's value looks like.
	harmless = lazy(`^[\w.+:/*^$()\[\]<>=~ -]+$`)
	// userinfo is a URL with credentials in it.
	userinfo = lazy(`://[^/\s]*@`)
	// credential are the words that make a key's value a credential anywhere.
	credential  = lazy(`(?i)passw|passphrase|secret|token|private|credential|api_?key|_key$|^key$|^pass$|cert`)
	placeholder = lazy(`\(\(hidden-[0-9]+\)\)`)
)

// lazy compiles an expression when it is first used: start-up, which every
// check pays for, does not need any.
func lazy(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

const (
	// longestShown is the length of the longest text that a diff shows. What is
	// longer is a script, a key or a certificate.
	longestShown = 120
	// longestName is that of a naming key's value.
	longestName = 80
)

// hider replaces text that may be a credential by a number, the same number for
// the same text.
type hider struct {
	section string // jobs, resources, var_sources, …
	numbers map[string]int
}

// hide is value with everything replaced that must not be shown. key is the one
// under which value stands; under says that this is an opaque place.
func (h *hider) hide(key string, value any, under bool) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = h.hide(k, e, under || opaque[k] || h.section == "var_sources" && k == "config")
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = h.hide(key, e, under)
		}
		return out
	case string:
		if showText(key, v, under) {
			return v
		}
		return h.number(v)
	case float64, json.Number:
		if credential().MatchString(key) {
			return h.number(fmt.Sprint(v))
		}
	}
	return value
}

// showText says whether a text may be shown. When in doubt it may not.
func showText(key, text string, under bool) bool {
	switch {
	case text == "" || wholeVar().MatchString(text):
		return true
	case credential().MatchString(key), len(text) > longestShown, strings.ContainsAny(text, "\r\n"), userinfo().MatchString(text):
		return false
	case under:
		return naming[key] && utf8.RuneCountInString(text) <= longestName && harmless().MatchString(text)
	}
	return true
}

func (h *hider) number(text string) string {
	n, seen := h.numbers[text]
	if !seen {
		n = len(h.numbers) + 1
		h.numbers[text] = n
	}
	return fmt.Sprintf("((hidden-%d))", n)
}

// redact takes the numbers out of a line that is to be shown.
func (h *hider) redact(line string) string {
	return placeholder().ReplaceAllLiteralString(line, secret.Redacted)
}
