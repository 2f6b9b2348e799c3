package plain_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/plain"
)

// shown says whether a terminal does nothing with a character but show it, by what
// Unicode says that it is not.
func shown(r rune) bool {
	return r == '\n' || r == '\t' || !unicode.In(r, unicode.C, unicode.Zl, unicode.Zp)
}

func TestAllowed_isNothingThatATerminalObeys(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if plain.Allowed(r) && !shown(r) {
			t.Errorf("%U is allowed", r)
		}
	}
	for name, list := range map[string]string{
		"C0":               "\x00\x01\x07\x08\x0b\x0c\r\x0e\x1b\x1f",
		"DEL and C1":       "\x7f\u0080\u0085\u0090\u009b\u009d\u009f",
		"direction":        "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
		"other format":     "\u00ad\u200b\u200c\u200d\u2060\ufeff\ufff9\U000e0001\U000e0041\U0001d173",
		"separators":       "\u2028\u2029",
		"shown as nothing": "\u034f\u115f\u3164\uffa0\U000e0fff",
	} {
		for _, r := range list {
			if plain.Allowed(r) {
				t.Errorf("%s: %U is allowed", name, r)
			}
		}
	}
	for _, r := range "aZ~ \n\té界→…⠋✓🚀e\u0301\u00a0\ufe0f\ufffd" {
		if !plain.Allowed(r) {
			t.Errorf("%U is not allowed", r)
		}
	}
}

func TestEscape_spellsOut(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "",
		"8.2.4 → 8.2.5\n\tfine":          "8.2.4 → 8.2.5\n\tfine",
		"\x1b[31mred\x1b[0m":             `\u001b[31mred\u001b[0m`,
		"\x1b]0;title\x07\x9b2J\u009b2J": `\u001b]0;title\u0007�2J\u009b2J`,
		"\x1bP+q\x1b\\":                  `\u001bP+q\u001b\`,
		"over\rwritten\b\x7f":            `over\u000dwritten\u0008\u007f`,
		"user\u202egpj.exe\u2066":        `user\u202egpj.exe\u2066`,
		"tag\U000e0041":                  `tag\udb40\udc41`,
		"half \xe2\x80 a rune\xff":       "half �� a rune�",
	} {
		if got := plain.Escape(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestEscape_leavesJSONAsItWas(t *testing.T) {
	value := map[string]any{"a\u202e\x1b": []any{"\x7f\u0085 \u2028\U000e0041", "\xff", 1.5, nil}}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var before, after any
	if err := json.Unmarshal(text, &before); err != nil {
		t.Fatal(err)
	}
	escaped := plain.Escape(string(text))
	if err := json.Unmarshal([]byte(escaped), &after); err != nil {
		t.Fatalf("%s: %v", escaped, err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("it means something else (-before +after):\n%s", diff)
	}
	if strings.ContainsFunc(escaped, func(r rune) bool { return !shown(r) }) || escaped == string(text) {
		t.Errorf("%q", escaped)
	}
}

func TestFirstLine_isTheFirstThatSaysAnything(t *testing.T) {
	for text, want := range map[string]string{
		"one":                          "one",
		"\n \n  two \r\nthree":         "two",
		"bell\x07\nand more":           `bell\u0007`,
		" \n":                          "",
		strings.Repeat("x", 10<<10):    plain.Line(strings.Repeat("x", 10<<10)),
		"four\u2028on the same line\n": "four on the same line",
	} {
		if got := plain.FirstLine(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestLine_isOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"  two\r\nlines\u2028three \t": "  two  lines three",
		"bell\x07 \xff":                `bell\u0007 �`,
		"\n":                           "",
	} {
		if got := plain.Line(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestText_isCutVisibly(t *testing.T) {
	long := strings.Repeat("é\x1b", plain.MaxLine)
	for name, c := range map[string]struct {
		got   string
		limit int
	}{
		"line": {plain.Line("begin " + long + " end"), plain.MaxLine}, "value": {plain.Value("begin " + long + " end"), plain.MaxValue},
		"text of a line": {plain.Text("begin " + long + " end"), plain.MaxLine},
	} {
		if len(c.got) > c.limit || len(c.got) < c.limit*9/10 || !utf8.ValidString(c.got) {
			t.Errorf("%s: %d bytes", name, len(c.got))
		}
		if !strings.HasPrefix(c.got, "begin ") || !strings.HasSuffix(c.got, " end") || !strings.Contains(c.got, "bytes are left out] ") {
			t.Errorf("%s: %.40q…%q", name, c.got, c.got[len(c.got)-40:])
		}
	}
	var lines strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&lines, "%d %s\n", i, strings.Repeat("x", i))
	}
	got := plain.Text(lines.String())
	if len(got) > plain.MaxText || !strings.HasPrefix(got, "0 \n1 x\n") || !strings.HasSuffix(got, "x\n") {
		t.Errorf("%d bytes: %.40q", len(got), got)
	}
	if plain.Text(got) != got {
		t.Error("what was cut is cut again")
	}
	for i, line := range strings.Split(got, "\n") {
		whole := strings.Contains(lines.String(), line)
		if note := strings.HasSuffix(line, "bytes are left out]"); !whole && !note {
			t.Errorf("line %d is neither whole nor a note: %.60q", i, line)
		}
	}
}
