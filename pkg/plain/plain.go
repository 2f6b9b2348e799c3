// Package plain makes text that others wrote harmless to look at: what moves a
// terminal's cursor, turns the direction of a line, or is not seen at all is spelt
// out, and what has no end is cut.
//
// Nothing is taken away but what is too long. Characters that are left out would join
// what stood around them, and so give a secret that is known in one piece only, or a
// name that is not the one that was written.
package plain

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// The longest texts, in bytes.
const (
	MaxLine  = 8 << 10 // a line of text, or an error
	MaxText  = 1 << 20 // a text of several lines
	MaxValue = 1 << 10 // a value of metadata: Concourse shows each in a cell of a table
)

// Allowed says whether a character may be shown as it is: letters, marks, digits, signs,
// blanks, line breaks and tabs. Not so other control characters, with which terminal
// sequences begin in both of their forms (ESC and U+009B), format characters, those that
// turn the direction of writing among them, separators of lines and paragraphs, letters
// that show nothing (Hangul fillers, say), and what has no meaning in Unicode yet.
func Allowed(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= ' ' && r != 0x7f || r == '\n' || r == '\t'
	}
	return unicode.IsGraphic(r) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

// Text is foreign text of any number of lines. Lines that are longer than MaxLine lack
// their middle then, and a text that is longer than MaxText lacks the lines of its.
func Text(text string) string {
	text = Escape(text)
	if len(text) <= MaxLine {
		return text
	}
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		body, ended := strings.CutSuffix(line, "\n")
		if lines[i] = cut(body, MaxLine); ended {
			lines[i] += "\n"
		}
	}
	return cutLines(strings.Join(lines, ""))
}

// Line is foreign text as one line, of MaxLine bytes at most. White space of all kinds
// becomes blanks, of which those at the end go; those at the beginning are the
// indentation of a difference.
func Line(text string) string { return cut(line(text), MaxLine) }

// FirstLine is the first line of foreign text that says anything, as Line gives it.
func FirstLine(text string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return Line(first)
}

// Value is foreign text as one line, of MaxValue bytes at most.
func Value(text string) string { return cut(line(text), MaxValue) }

func line(text string) string {
	blank := func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		return r
	}
	return Escape(strings.TrimRight(strings.Map(blank, text), " "))
}

// Escape spells out what is not allowed as JSON does: \u202e. In JSON it stands inside of
// strings only, where the spelling means the same. What is not UTF-8 becomes U+FFFD.
func Escape(text string) string {
	for i := 0; i < len(text); i++ {
		if b := text[i]; b < ' ' && b != '\n' && b != '\t' || b >= 0x7f {
			return string(appendEscaped([]byte(text[:i]), text[i:]))
		}
	}
	return text
}

// appendEscaped appends text to out, spelt out.
func appendEscaped(out []byte, text string) []byte {
	for _, r := range text {
		switch {
		case Allowed(r):
			out = utf8.AppendRune(out, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

// cut takes the middle out of a text that is too long: how it begins says what it is
// of, and errors end with what to do. What is gone is said in its place.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	const room = 48 // for the note
	kept := limit - room
	head := strings.ToValidUTF8(text[:kept-kept/4], "")
	tail := strings.ToValidUTF8(text[len(text)-kept/4:], "")
	return head + leftOut(len(text)-len(head)-len(tail)) + tail
}

// cutLines takes the middle out of a text of too many lines.
func cutLines(text string) string {
	if len(text) <= MaxText {
		return text
	}
	head, tail := text[:MaxText/2], text[len(text)-MaxText/4:]
	head = head[:strings.LastIndexByte(head, '\n')+1]
	tail = tail[strings.IndexByte(tail, '\n')+1:]
	return head + strings.TrimSpace(leftOut(len(text)-len(head)-len(tail))) + "\n" + tail
}

// leftOut stands where something is cut.
func leftOut(n int) string { return fmt.Sprintf(" [%d bytes are left out] ", n) }
