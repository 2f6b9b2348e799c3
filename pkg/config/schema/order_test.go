package schema_test

import (
	"slices"
	"strings"
	"testing"
)

// Problems of one line come in one order at each run: logs of two runs can be compared.
func TestCheck_givesProblemsInOneOrder(t *testing.T) {
	tree := func() map[string]any {
		return map[string]any{"name": "A", "open": 1, "beds": 0, "key": 7, "zzzz": 1, "yyyy": 1, "plants": []any{"fern", "ivy", "oak", "oak"},
			"labels": map[string]any{"toolong2": "x", "toolong1": "x", "b": 1, "a": 1}, "pond": map[string]any{"fish": "x", "depth": "x", "frogs": 1}}
	}
	want := []string{"yyyy", "zzzz", "beds", "key", "labels", "labels.a", "labels.b", "labels.toolong1", "labels.toolong2", "name", "open", "plants", "plants[0]", "plants[1]",
		"pond.frogs", "pond.depth", "pond.fish"}
	for range 50 {
		problems, err := newGarden(t).Check(tree())
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, p := range problems {
			keys = append(keys, p.Key)
		}
		if !slices.Equal(keys, want) {
			t.Fatalf("got  %q\nwant %q", keys, want)
		}
	}
}

// A name that is wrong is wrong where it is, whatever else there is, and taken out there.
func TestPrune_takesOutNamesThatAreWrong(t *testing.T) {
	for range 50 {
		tree := map[string]any{"labels": map[string]any{"toolong": 1, "a": "x"}, "name": "rose", "beds": 3, "open": true, "plants": []any{"oak"},
			"pond": map[string]any{"fish": 1, "depth": 2}, "shed": map[string]any{"codes": map[string]any{"x": "1", "door": "2"}, "vars": map[string]any{"x": "1"}, "roof": map[string]any{"tiles": 1}}}
		problems, err := newGarden(t).Prune(tree)
		if want := "labels.toolong: want a short name\nshed.codes.x: want a shorter or longer name"; err != nil || problems.Error() != want {
			t.Fatalf("got  %v, %v\nwant %s", problems, err, want)
		}
		if !equal(tree["labels"], map[string]any{"a": "x"}) || len(tree) != 7 || !equal(tree["shed"], map[string]any{"codes": map[string]any{"door": "2"}, "vars": map[string]any{"x": "1"}, "roof": map[string]any{"tiles": 1}}) {
			t.Fatalf("left %v", tree)
		}
	}
}

func TestCheck_countsItemsAsPeopleDo(t *testing.T) {
	text := "plants: [fern, fern, fern, fern, fern, fern, fern, fern, fern, fern, fern, fern]\n"
	lines, _ := problemsOf(t, text)
	var keys []string
	for _, line := range lines {
		keys = append(keys, strings.SplitN(strings.TrimPrefix(line, "garden.yml:1: "), ":", 2)[0])
	}
	want := "plants plants[0] plants[1] plants[2] plants[3] plants[4] plants[5] plants[6] plants[7] plants[8] plants[9] plants[10] plants[11]"
	if got := strings.Join(keys, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRead_givesProblemsInTheOrderOfTheFile(t *testing.T) {
	lines, tree := problemsOf(t, `zzzz: 1
beds: 0
pond:
  fish: many
  frogs: 1
  depth: !x 1
name:
<<: {open: true}
plants:
- oak
- fern
name: rose
open: null
`)
	want := []string{
		"garden.yml:1: zzzz: unknown key; " + known,
		"garden.yml:2: beds: want at least 1, got 0",
		`garden.yml:4: pond.fish: want a whole number, got "many"`,
		"garden.yml:5: pond.frogs: unknown key; known here: depth, fish",
		"garden.yml:6: pond.depth: has the YAML type !x, which is not supported",
		"garden.yml:7: name: has no value; leave the key out to keep the value that it had, or write null for the default",
		"garden.yml:8: want plain keys, got the merge key <<",
		`garden.yml:11: plants[1]: want rose or oak, got "fern"`,
		"garden.yml:12: name: duplicate key; the first is on line 7",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	if len(tree) > 0 {
		t.Errorf("what is wrong is there: %v", tree)
	}
}

// What the reader leaves out makes lists and maps smaller than they are in the file, of
// which nothing is said: to people they are as they are written.
func TestRead_saysNothingOfWhatFollowsFromAnotherProblem(t *testing.T) {
	for name, of := range map[string]struct {
		text string
		want []string
		tree map[string]any
	}{
		"the only item":            {"plants: [!x oak]\n", []string{"garden.yml:1: plants[0]: has the YAML type !x, which is not supported"}, nil},
		"the first of many":        {"plants: [!x oak, rose]\nbeds: 3\n", []string{"garden.yml:1: plants[0]: has the YAML type !x, which is not supported"}, map[string]any{"beds": 3}},
		"two of them":              {"plants: [!x oak, rose, !x oak]\n", []string{"garden.yml:1: plants[0]: has the YAML type !x, which is not supported", "garden.yml:1: plants[2]: has the YAML type !x, which is not supported"}, nil},
		"and one in another way":   {"plants:\n- !x oak\n- rose\n- fern\n", []string{"garden.yml:2: plants[0]: has the YAML type !x, which is not supported", `garden.yml:4: plants[2]: want rose or oak, got "fern"`}, nil},
		"the only label":           {"labels: {a: !x b}\n", []string{"garden.yml:1: labels.a: has the YAML type !x, which is not supported"}, nil},
		"the only label, a merge":  {"labels: {<<: {a: x}}\n", []string{"garden.yml:1: labels: want plain keys, got the merge key <<"}, nil},
		"a label and another":      {"labels:\n  a: !x b\n  c: 1\n", []string{"garden.yml:2: labels.a: has the YAML type !x, which is not supported", "garden.yml:3: labels.c: want text, got the number 1 (put quotes around it)"}, nil},
		"an empty list elsewhere":  {"labels: {a: !x b}\nplants: []\n", []string{"garden.yml:1: labels.a: has the YAML type !x, which is not supported", "garden.yml:2: plants: is empty; leave the key out to keep the value that it had, or write null for the default"}, nil},
		"within what takes all":    {"shed: {vars: {a: [1, !x 2, 3]}}\n", []string{"garden.yml:1: shed.vars.a[1]: has the YAML type !x, which is not supported"}, map[string]any{"shed": map[string]any{"vars": map[string]any{"a": []any{1, nil, 3}}}}},
		"a value given twice":      {"beds: 3\nbeds: !x 3\n", []string{"garden.yml:2: beds: duplicate key; the first is on line 1"}, map[string]any{"beds": 3}},
		"a section that is a list": {"pond: [!x 1]\n", []string{"garden.yml:1: pond[0]: has the YAML type !x, which is not supported"}, nil},
	} {
		lines, tree := problemsOf(t, of.text)
		if !slices.Equal(lines, of.want) {
			t.Errorf("%s: got  %q\nwant %q", name, lines, of.want)
		}
		if of.tree != nil && !equal(tree, of.tree) {
			t.Errorf("%s: the rest is %v, want %v", name, tree, of.tree)
		}
	}
}

func TestRead_tellsNullFromNothing(t *testing.T) {
	for text, of := range map[string]struct {
		nulls []string
		lines int
	}{
		"beds: null\n": {[]string{"beds"}, 0}, "beds: ~\n": {[]string{"beds"}, 0}, "beds: NULL\n": {[]string{"beds"}, 0}, "beds: !!null x\n": {[]string{"beds"}, 0},
		"beds: 'null'\n": {nil, 1}, "beds:\n": {nil, 1}, "beds: # null\n": {nil, 1}, "beds: !!str\n": {nil, 1},
		"pond: null\n": {[]string{"pond"}, 0}, "pond:\n": {nil, 0}, "pond: # depth: 3\n": {nil, 0}, "pond: {}\n": {nil, 0}, "shed: {roof: ~, codes: ~}\n": {[]string{"shed.roof", "shed.codes"}, 0},
		"shed: {roof: }\n": {nil, 0}, "shed: {codes: {door: null}}\n": {nil, 1}, "shed: {vars: {a: null}}\n": {nil, 0}, "frogs: null\n": {nil, 1}, "plants: [null]\n": {nil, 1},
	} {
		r, err := newGarden(t).Read("garden.yml", []byte(text))
		if err != nil || !slices.Equal(r.Nulls, of.nulls) || len(r.Problems) != of.lines {
			t.Errorf("%q: nulls %q, %v, %v", text, r.Nulls, r.Problems, err)
		}
	}
}
