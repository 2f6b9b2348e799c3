package difference

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// secretEndings end the keys of secrets: "director_password", "private_key".
var secretEndings = []string{"password", "passwd", "passphrase", "secret", "token", "key", "credential", "authorization"}

// telling says whether a place tells that a secret stands there. A mapping or a list
// of secrets has a plural for a name.
func telling(path []string) bool {
	for i, element := range path {
		element = strings.ToLower(element)
		if i < len(path)-1 {
			element = strings.TrimSuffix(element, "s")
		}
		if slices.ContainsFunc(secretEndings, func(end string) bool { return strings.HasSuffix(element, end) }) {
			return true
		}
	}
	return false
}

// openKeys are the keys at which no secret stands: what is fetched and by which digest.
var openKeys = []string{"url", "sha1", "sha256", "version", "name", "release", "digest"}

// reveal is a text as it is shown at a key: whole, or hidden where that is doubtful.
func reveal(text, key string, s state) string {
	switch {
	case s.secret:
		return Hidden
	case !s.doubtful || slices.Contains(openKeys, key) || isURL(text):
		return withoutUser(text)
	}
	return Hidden
}

// isURL says whether a text is an address on its own.
func isURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme != "" && (u.Host != "" || u.Scheme == "file")
}

// URL is an address as it is shown: without the user and a signature.
func URL(address string) string { return withoutUser(address) }

// withoutUser hides in a URL the user, and what its query says, which may be a signature:
// "https://bosh.io/d/…?v=1.2" alone is known to hold none.
func withoutUser(text string) string {
	if !strings.Contains(text, "://") || strings.ContainsAny(text, " \n") {
		return text
	}
	head, rest, _ := strings.Cut(text, "://")
	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, tail = rest[:i], rest[i:]
	}
	if i := strings.LastIndex(authority, "@"); i >= 0 {
		authority = Hidden + authority[i:]
	}
	tail, query, asked := strings.Cut(tail, "?")
	if asked {
		pairs := strings.Split(query, "&")
		for i, pair := range pairs {
			if name, value, ok := strings.Cut(pair, "="); ok && name != "v" && value != "" {
				pairs[i] = name + "=" + Hidden
			}
		}
		tail += "?" + strings.Join(pairs, "&")
	}
	return head + "://" + authority + tail
}

// longest is how much of a text is shown.
const longest = 300

// abridged stands for a text of several lines, or a long one.
func abridged(text string) string {
	if lines := strings.Count(strings.TrimSpace(text), "\n") + 1; lines > 1 {
		return fmt.Sprintf("(%d lines, sha256 %.8x)", lines, sha256.Sum256([]byte(text)))
	}
	if n := utf8.RuneCountInString(text); n > longest {
		return fmt.Sprintf("%s… (%d characters, sha256 %.8x)", string([]rune(text)[:longest]), n, sha256.Sum256([]byte(text)))
	}
	if text == "" {
		return `""`
	}
	return text
}

// Below are those of Lines that are of values below mappings of some names.
func Below(lines []string, names ...string) (out []string) {
	for _, line := range lines {
		path, _, _ := strings.Cut(line[2:], ": ")
		for _, name := range names {
			if strings.Contains(path, "/"+name+"/") {
				out = append(out, line)
				break
			}
		}
	}
	return out
}
