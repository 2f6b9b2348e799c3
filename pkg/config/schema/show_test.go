package schema_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/config/schema"
)

func TestShow_isForPeople(t *testing.T) {
	for name, of := range map[string]struct {
		key   string
		value any
		want  string
	}{
		"text":                         {"name", "rose", "rose"},
		"text with a line end":         {"name", "rose\n", "rose\n"},
		"empty text":                   {"name", "", ""},
		"two lines":                    {"name", "a\nb", "(2 lines, sha256 7e18f737)"},
		"two lines, other ends":        {"name", "\na\nb\n\n", "(2 lines, sha256 e47f59da)"},
		"a number":                     {"beds", 3, "3"},
		"a number with a fraction":     {"beds", 2.5, "2.5"},
		"a bool":                       {"open", false, "false"},
		"a list":                       {"plants", []any{"oak", "rose"}, "[oak, rose]"},
		"an empty list":                {"plants", []any{}, "[]"},
		"a list of all":                {"shed.vars", []any{1, nil, true, "x"}, "[1, <nil>, true, x]"},
		"a map, in one order":          {"labels", map[string]any{"b": "2", "a": "1", "c": "3"}, `{"a":"1","b":"2","c":"3"}`},
		"what is special in web pages": {"labels", map[string]any{"a": "x & <y>"}, `{"a":"x & <y>"}`},
		"a map in maps":                {"shed.vars", map[string]any{"a": []any{map[string]any{"b": nil}}}, `{"a":[{"b":null}]}`},
		"a secret":                     {"key", "k-hunter2", schema.Hidden},
		"an empty secret":              {"key", "", schema.Hidden},
		"a map of secrets":             {"shed.codes", map[string]any{"door": "hunter2"}, schema.Hidden},
	} {
		if got := rule(t, of.key).Show(of.value, true); got != of.want {
			t.Errorf("%s: %q, want %q", name, got, of.want)
		}
		if got := rule(t, of.key).Show(of.value, false); got != "" {
			t.Errorf("%s, not set: %q", name, got)
		}
	}
}

// The digest of a certificate tells two of the same length apart.
func TestShow_tellsLongTextsApart(t *testing.T) {
	r := rule(t, "name")
	a, b := r.Show("a\nb\n", true), r.Show("a\nc\n", true)
	if a == b || !strings.HasPrefix(a, "(2 lines, sha256 ") || !strings.HasPrefix(b, "(2 lines, sha256 ") {
		t.Errorf("they are %q and %q", a, b)
	}
	if again := r.Show("a\nb\n", true); again != a {
		t.Errorf("the same is %q and %q", a, again)
	}
}
