package progress

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// spelt is what stands for the characters that this program uses itself.
var spelt = strings.NewReplacer(
	"→", "->", "←", "<-", "…", "...", "·", "-", "×", "x", "✓", "+", "✗", "x", "–", "-", "—", "-", "−", "-",
	"≥", ">=", "≤", "<=", "“", `"`, "”", `"`, "‘", "'", "’", "'", "\u00a0", " ", "ß", "ss",
)

// ASCII spells text without other characters, for terminals that show no others:
// an arrow is "->", and what has no spelling a question mark.
func ASCII(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < utf8.RuneSelf:
			return r
		case unicode.Is(unicode.Mn, r):
			return -1
		}
		return '?'
	}, spelt.Replace(text))
}
