package schema_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestRead_putsAnchorsInPlaceOfAliases(t *testing.T) {
	got := read(t, "name: &n rose\nkey: k1\nlabels: &l {team: *n}\nplants: &p [*n, oak]\nshed:\n  vars: {again: *l, list: *p, name: *n}\n")
	want := map[string]any{"name": "rose", "key": "k1", "labels": map[string]any{"team": "rose"}, "plants": []any{"rose", "oak"},
		"shed": map[string]any{"vars": map[string]any{"again": map[string]any{"team": "rose"}, "list": []any{"rose", "oak"}, "name": "rose"}}}
	if !equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	got["labels"].(map[string]any)["team"] = "oak"
	if again := got["shed"].(map[string]any)["vars"].(map[string]any)["again"]; !equal(again, map[string]any{"team": "rose"}) {
		t.Errorf("the alias shares its map with the anchor: %v", again)
	}
}

// What an alias brings is wrong where it is written, unless the alias itself is the value.
func TestRead_namesTheLineOfWhatAnAliasBrings(t *testing.T) {
	for name, of := range map[string]struct {
		text string
		want []string
	}{
		"a value":             {"name: &n rose\n\nbeds: *n\n", []string{`garden.yml:3: beds: want a whole number, got "rose"`}},
		"a key of a map":      {"shed:\n  vars: &v\n    frogs: 1\npond: *v\n", []string{"garden.yml:3: pond.frogs: unknown key; known here: depth, fish"}},
		"an item":             {"shed:\n  vars:\n    a: &a\n    - oak\n    - fern\nplants: *a\n", []string{`garden.yml:5: plants[1]: want rose or oak, got "fern"`}},
		"a list for a map":    {"plants: &p [oak]\n\nlabels: *p\n", []string{"garden.yml:3: labels: want keys and values, got a list"}},
		"a key":               {"&k name: rose\n*k : oak\n", []string{"garden.yml:2: want plain keys, got an alias"}},
		"a null":              {"shed: {vars: {a: &a null}}\nbeds: *a\n", []string{"garden.yml:2: beds: want a whole number, got null"}},
		"the later of two":    {"shed: {vars: {a: &a 1, b: &a 11}}\nbeds: *a\n", []string{"garden.yml:2: beds: want at most 9, got 11"}},
		"a secret":            {"key: &k k-hunter2\nbeds: *k\n", []string{`garden.yml:2: beds: want a whole number, got "k-hunter2"`}},
		"a value as a secret": {"beds: &b 7\nkey: *b\n", []string{"garden.yml:2: key: want text, got a number (put quotes around it)"}},
	} {
		if lines, _ := problemsOf(t, of.text); !slices.Equal(lines, of.want) {
			t.Errorf("%s: got  %q\nwant %q", name, lines, of.want)
		}
	}
	if got := refusal(t, "name: rose\nbeds: *b\n"); got != "garden.yml: is not YAML: unknown anchor 'b' referenced" {
		t.Errorf("an alias of nothing: %s", got)
	}
}

// aliases is a file that uses an anchor count times.
func aliases(count int) string {
	return "shed:\n  vars:\n    a: &a x\n    b:\n" + strings.Repeat("    - *a\n", count)
}

func TestRead_takesAHundredAliases(t *testing.T) {
	if lines, _ := problemsOf(t, aliases(100)); len(lines) > 0 {
		t.Errorf("a hundred: %q", lines)
	}
	const want = "garden.yml:105: shed.vars.b[100]: is one alias too many, since 100 are the most; write the values out"
	for _, count := range []int{101, 110} {
		if lines, _ := problemsOf(t, aliases(count)+"\n"); !slices.Equal(lines, []string{want}) {
			t.Errorf("%d: %q", count, lines)
		}
	}
	// What is left out behind it is not wrong for that.
	if lines, _ := problemsOf(t, aliases(101)+"plants: [*a]\nlabels: {a: *a}\n"); !slices.Equal(lines, []string{want}) {
		t.Errorf("with a list behind it: %q", lines)
	}
}

// Nine anchors of ten aliases each stand for a billion values.
func TestRead_stopsAtABombOfAliases(t *testing.T) {
	text := "shed:\n  vars:\n    v0: &v0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 9 {
		text += fmt.Sprintf("    v%d: &v%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*v%d, ", i), 10), ", "))
	}
	lines, _ := problemsOf(t, text)
	if len(lines) != 1 || !strings.Contains(lines[0], "one alias too many") {
		t.Errorf("got %q", lines)
	}
}

func TestRead_stopsAtAnAnchorWithinItself(t *testing.T) {
	for name, text := range map[string]string{
		"a map":  "shed: &s {vars: {a: *s}}\n",
		"a list": "shed:\n  vars: {a: &a [*a]}\n",
		"two":    "shed:\n  vars: {a: &a {b: &b [*a, *b]}}\n",
	} {
		lines, _ := problemsOf(t, text)
		if len(lines) != 1 || !strings.HasSuffix(lines[0], ": is too much: want at most 20000 values, 50 deep") && !strings.Contains(lines[0], "one alias too many") {
			t.Errorf("%s: %.300q", name, lines)
		}
	}
}

// deep is a value that is as many levels deep below shed.vars.a, with three at the last one.
func deep(levels int) string {
	return "shed: {vars: {a: " + strings.Repeat("[", levels) + "1, 2, 3" + strings.Repeat("]", levels) + "}}\n"
}

func TestRead_takesFiftyLevels(t *testing.T) {
	if lines, tree := problemsOf(t, deep(47)); len(lines) > 0 || len(tree) == 0 {
		t.Errorf("fifty levels: %q", lines)
	}
	want := []string{"garden.yml:1: shed.vars.a" + strings.Repeat("[0]", 48) + ": is too much: want at most 20000 values, 50 deep"}
	if lines, _ := problemsOf(t, deep(48)); !slices.Equal(lines, want) {
		t.Errorf("one more: got %d, %.600q", len(lines), lines)
	}
	if lines, _ := problemsOf(t, deep(2000)); !slices.Equal(lines, want) {
		t.Errorf("many more: got %d, %.600q", len(lines), lines)
	}
}

func TestRead_takesTwentyThousandValues(t *testing.T) {
	values := func(count int) string { // shed, vars and a are values, too
		return "shed:\n  vars:\n    a:\n" + strings.Repeat("    - x\n", count-3) + "zzzz: 1\n"
	}
	if lines, _ := problemsOf(t, values(19999)); !slices.Equal(lines, []string{"garden.yml:20000: zzzz: unknown key; " + known}) {
		t.Errorf("as many as there may be: %q", lines)
	}
	if lines, _ := problemsOf(t, values(20001)); !slices.Equal(lines, []string{"garden.yml:20001: shed.vars.a[19997]: is too much: want at most 20000 values, 50 deep"}) {
		t.Errorf("one more: %q", lines)
	}
	if lines, _ := problemsOf(t, values(60000)); len(lines) != 1 {
		t.Errorf("many more: %q", lines)
	}
}
