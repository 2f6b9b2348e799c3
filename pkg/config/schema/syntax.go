package schema

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntax is an error of the YAML parser as a line and a text. Tabs are what people
// stumble over most, and the parser does not say on which line they are.
func syntax(text []byte, err error) (int, string) {
	line, message := 0, err.Error()
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		message = message[len(m[0]):]
		line, _ = strconv.Atoi(m[1])
	}
	rows := bytes.Split(text, []byte("\n"))
	line = counted(rows, line, message)
	tab := strings.Contains(message, "tab character")
	if tab || strings.Contains(message, "cannot start any token") {
		for i := max(line-1, 0); i < len(rows); i++ {
			if indent := rows[i][:len(rows[i])-len(bytes.TrimLeft(rows[i], " \t"))]; bytes.ContainsRune(indent, '\t') {
				return i + 1, "the line begins with a tab; YAML wants spaces"
			}
			if !tab {
				break
			}
		}
	}
	return line, "is not YAML: " + message
}

// counted is the line of an error, counted from 1. The library's scanner counts like that,
// its parser from 0, and of line 0 and of bytes that are not text they say no line; 0 is
// for what has none.
func counted(rows [][]byte, line int, message string) int {
	is := func(prefix string) bool { return strings.HasPrefix(message, prefix) }
	switch {
	case is("unknown anchor"), strings.Contains(message, "UTF-16"):
		return 0
	case is("control characters"), strings.Contains(message, "UTF-8"):
		return slices.IndexFunc(rows, unreadable) + 1
	case slices.ContainsFunc([]string{"did not find expected <", "did not find expected key", "did not find expected node", "did not find expected ',' or",
		"did not find expected '-'", "found undefined tag", "found incompatible YAML", "found duplicate %"}, is):
		written := len(rows)
		for written > 1 && len(bytes.TrimSpace(rows[written-1])) == 0 {
			written--
		}
		return min(line+1, written) // where a list never ends, it is the end
	}
	return max(line, 1)
}

// unreadable says whether a row holds what YAML does not take as text.
func unreadable(row []byte) bool {
	return !utf8.Valid(row) || bytes.ContainsFunc(row, func(r rune) bool { return unicode.IsControl(r) && r != '\t' && r != '\r' && r != '\u0085' })
}
