package document

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Dump writes a document as Ruby's YAML does, with the "---" line.
func Dump(v any) string {
	lines := block(v)
	switch v.(type) {
	case Mapping, []any:
		if len(lines) > 0 && lines[0] != "{}" && lines[0] != "[]" {
			return "---\n" + strings.Join(lines, "\n") + "\n"
		}
	}
	return "--- " + strings.Join(lines, "\n") + "\n"
}

// block gives the lines of a value, not indented.
func block(v any) []string {
	var lines []string
	switch v := v.(type) {
	case Mapping:
		if len(v) == 0 {
			return []string{"{}"}
		}
		for _, f := range v {
			lines = append(lines, entry(plainOrQuoted(f.Key), f.Value)...)
		}
	case []any:
		if len(v) == 0 {
			return []string{"[]"}
		}
		for _, e := range v {
			inner := block(e)
			lines = append(lines, strings.TrimRight("- "+inner[0], " "))
			lines = append(lines, indent(inner[1:])...)
		}
	case Scalar:
		return scalarLines(v)
	default:
		return []string{""}
	}
	return lines
}

// entry gives the lines of one key and its value.
func entry(key string, value any) []string {
	inner := block(value)
	switch v := value.(type) {
	case Mapping:
		if len(v) > 0 {
			return append([]string{key + ":"}, indent(inner)...)
		}
	case []any:
		if len(v) > 0 { // lists are not indented below their key
			return append([]string{key + ":"}, inner...)
		}
	}
	first := strings.TrimRight(key+": "+inner[0], " ")
	return append([]string{first}, indent(inner[1:])...)
}

func indent(lines []string) []string {
	indented := make([]string, len(lines))
	for i, line := range lines {
		if line != "" {
			indented[i] = "  " + line
		}
	}
	return indented
}

func scalarLines(s Scalar) []string {
	if !s.str {
		return []string{s.Text}
	}
	body := strings.TrimSuffix(s.Text, "\n")
	if !strings.Contains(body, "\n") {
		return []string{plainOrQuoted(s.Text)}
	}
	head := "|-"
	if strings.HasSuffix(s.Text, "\n") {
		head = "|"
	}
	return append([]string{head}, strings.Split(body, "\n")...)
}

var (
	// notString matches what YAML 1.1 would read back as something else than a string.
	notString = regexp.MustCompile(`^(?i:~|null|true|false|yes|no|on|off|[-+]?\.inf|\.nan|` +
		`[-+]?(0|[1-9][0-9_,]*)|0[0-7_,]+|0x[0-9a-f_,]+|0b[01_,]+|` +
		`[-+]?[0-9][0-9_,]*(\.[0-9_]*)?(e[-+]?[0-9]+)?|[-+]?\.[0-9_]+(e[-+]?[0-9]+)?|` +
		`\d{4}-\d{1,2}-\d{1,2}([Tt ].*)?|[-+]?\d+(:[0-5]?\d)+(\.\d*)?)$`)
	notPlain = regexp.MustCompile(`^[-?:,\[\]{}#&*!|>'"%@` + "`" + `]|: | #|:$|^ | $`)
)

// plainOrQuoted writes a string of one line in the style that Ruby chooses.
func plainOrQuoted(text string) string {
	first := firstRune(text)
	word := unicode.IsLetter(first) || unicode.IsDigit(first) || unicode.IsMark(first) || first == '_'
	printable := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || r > 0xffff }) < 0
	switch {
	case text == "":
		return "''"
	case !printable, text == "y" || text == "Y" || text == "n" || text == "N", !word && !strings.Contains(text[1:], `"`):
		return doubleQuoted(text)
	case notString.MatchString(text), notPlain.MatchString(text):
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
	return text
}

func firstRune(text string) rune {
	for _, r := range text {
		return r
	}
	return 0
}

func doubleQuoted(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r > 0xffff:
			_, _ = fmt.Fprintf(&b, `\U%08X`, r)
		case !unicode.IsPrint(r):
			_, _ = fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
