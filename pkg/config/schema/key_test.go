package schema_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/config/schema"
)

// problemsOf are the lines that a file gets; what is right of it is in the tree.
func problemsOf(t *testing.T, text string) (lines []string, tree map[string]any) {
	t.Helper()
	r, err := newGarden(t).Read("garden.yml", []byte(text))
	if err != nil {
		t.Errorf("%q: %v", text, err)
	}
	for _, p := range r.Problems {
		lines = append(lines, p.Error())
	}
	return lines, r.Tree
}

// known are the keys at the top of the garden.
const known = "known here: beds, key, labels, name, open, plants, pond, schema, shed"

func TestRead_wantsEachKeyOnceAndPlain(t *testing.T) {
	rose := map[string]any{"name": "rose"}
	for name, of := range map[string]struct {
		text string
		want []string
		tree map[string]any
	}{
		"twice":                   {"name: rose\nname: oaks\n", []string{"garden.yml:2: name: duplicate key; the first is on line 1"}, rose},
		"twice, once in quotes":   {"name: rose\n\n'name': oaks\n", []string{"garden.yml:3: name: duplicate key; the first is on line 1"}, rose},
		"thrice":                  {"name: rose\nname: oaks\nname: elms\n", []string{"garden.yml:2: name: duplicate key; the first is on line 1", "garden.yml:3: name: duplicate key; the first is on line 1"}, rose},
		"twice after null":        {"name: rose\nbeds: null\nbeds: 3\n", []string{"garden.yml:3: beds: duplicate key; the first is on line 2"}, rose},
		"a section twice":         {"name: rose\npond: {depth: 1}\npond:\n  fish: 2\n", []string{"garden.yml:3: pond: duplicate key; the first is on line 2"}, map[string]any{"name": "rose", "pond": map[string]any{"depth": 1}}},
		"a label twice":           {"labels:\n  a: x\n  a: z\n", []string{"garden.yml:3: labels.a: duplicate key; the first is on line 2"}, map[string]any{"labels": map[string]any{"a": "x"}}},
		"a number and its text":   {"shed: {vars: {1: a, '1': b}}\n", []string{"garden.yml:1: shed.vars.1: duplicate key; the first is on line 1"}, map[string]any{"shed": map[string]any{"vars": map[string]any{"1": "a"}}}},
		"the same in two":         {"pond: {depth: 1}\nshed: {vars: {depth: 2}}\n", nil, map[string]any{"pond": map[string]any{"depth": 1}, "shed": map[string]any{"vars": map[string]any{"depth": 2}}}},
		"a list as key":           {"name: rose\n? [a]\n: 1\n", []string{"garden.yml:2: want plain keys, got a list"}, rose},
		"a map as key":            {"name: rose\n? {a: b}\n: 1\n", []string{"garden.yml:2: want plain keys, got keys and values"}, rose},
		"a list as key, deeper":   {"name: rose\nshed:\n  vars:\n    ? [a]\n    : 1\n", []string{"garden.yml:4: shed.vars: want plain keys, got a list"}, nil},
		"a merge":                 {"name: rose\n<<: {beds: 3}\n", []string{"garden.yml:2: want plain keys, got the merge key <<"}, rose},
		"a merge of a section":    {"name: rose\nlabels: &l {a: x}\nshed:\n  vars:\n    <<: *l\n", []string{"garden.yml:5: shed.vars: want plain keys, got the merge key <<"}, nil},
		"a key with that name":    {"name: rose\n'<<': 3\n", []string{"garden.yml:2: <<: unknown key; " + known}, rose},
		"nothing as key":          {"name: rose\n'': 3\n", []string{"garden.yml:2: want plain keys, got an empty one"}, rose},
		"nothing, without quotes": {"name: rose\n? \n: 3\n", []string{"garden.yml:2: want plain keys, got an empty one"}, rose},
		"nothing in a section":    {"name: rose\npond: {'': 3}\n", []string{"garden.yml:2: pond.: unknown key; known here: depth, fish"}, rose},
		"null as key":             {"name: rose\n~: 3\n", []string{"garden.yml:2: ~: unknown key; " + known}, rose},
		"a dotted key":            {"name: rose\npond.depth: 3\n", []string{"garden.yml:2: pond.depth: unknown key; " + known}, rose},
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

// Brackets and dots in a name look like the places of other values.
func TestRead_takesOutTheKeyThatIsWrongAndNoneThatLooksLikeIt(t *testing.T) {
	for name, of := range map[string]struct {
		text, want string
		tree       map[string]any
	}{
		"of a text":           {"name: rose\nname[0]: x\n", "garden.yml:2: name[0]: unknown key; " + known, map[string]any{"name": "rose"}},
		"of a list":           {"plants: [oak]\nplants[0]: x\n", "garden.yml:2: plants[0]: unknown key; did you mean \"plants\"?", map[string]any{"plants": []any{"oak"}}},
		"of nothing":          {"[0: x\nname: rose\n", "", nil},
		"a bracket alone":     {"'[': x\nname: rose\n", "garden.yml:1: [: unknown key; " + known, map[string]any{"name": "rose"}},
		"a label":             {"name: rose\nlabels:\n  'a[0]': 7\n  a: x\n", "garden.yml:3: labels.a[0]: want text, got the number 7 (put quotes around it)", map[string]any{"name": "rose", "labels": map[string]any{"a": "x"}}},
		"a label with a dot":  {"labels: {a.b: 7, a: x}\n", "garden.yml:1: labels.a.b: want text, got the number 7 (put quotes around it)", map[string]any{"labels": map[string]any{"a": "x"}}},
		"a name that goes on": {"pond: {fish: 1}\nponds: {fish: 2}\n", `garden.yml:2: ponds: unknown key; did you mean "pond"?`, map[string]any{"pond": map[string]any{"fish": 1}}},
	} {
		if of.want == "" {
			refusal(t, of.text)
			continue
		}
		lines, tree := problemsOf(t, of.text)
		if !slices.Equal(lines, []string{of.want}) {
			t.Errorf("%s: got  %q\nwant %q", name, lines, of.want)
		}
		if of.tree != nil && !equal(tree, of.tree) {
			t.Errorf("%s: the rest is %v, want %v", name, tree, of.tree)
		}
	}
}

func TestRead_asksWhichKeyIsMeant(t *testing.T) {
	for text, want := range map[string]string{
		"nmae: rose":                 `nmae: unknown key; did you mean "name"?`,
		"Name: rose":                 `Name: unknown key; did you mean "name"?`,
		"plant: [oak]":               `plant: unknown key; did you mean "plants"?`,
		"depth: 3":                   `depth: unknown key; did you mean "pond.depth"?`,
		"pond: {tiles: 3}":           `pond.tiles: unknown key; did you mean "shed.roof.tiles"?`,
		"shed: {roof: {tile: 3}}":    `shed.roof.tile: unknown key; did you mean "tiles"?`,
		"shed: {roof: {colour: r}}":  "shed.roof.colour: unknown key; known here: tiles",
		"shed: {roofs: 3}":           `shed.roofs: unknown key; did you mean "roof"?`,
		"pond: {roof: 3}":            "pond.roof: unknown key; known here: depth, fish", // it holds no value itself
		"entirely_else: {depth: 3}":  "entirely_else: unknown key; " + known,
		"shed: {pond.depth: 1}":      "shed.pond.depth: unknown key; known here: codes, roof, vars",
		"pond: {depth: {metres: 3}}": "pond.depth: want a whole number, got keys and values",
	} {
		if lines, _ := problemsOf(t, text+"\n"); !slices.Equal(lines, []string{"garden.yml:1: " + want}) {
			t.Errorf("%s: got  %q\nwant %q", text, lines, want)
		}
	}
}

// A key that several sections have is no hint.
func TestCheck_asksForNoKeyOfSeveralSections(t *testing.T) {
	s, err := schema.New([]byte(strings.Replace(gardenSchema, `"tiles"`, `"depth"`, 1)), schema.Options{File: "garden.yml"})
	if err != nil {
		t.Fatal(err)
	}
	problems, err := s.Check(map[string]any{"depth": 1})
	if err != nil || problems.Error() != "depth: unknown key; "+known {
		t.Errorf("got %v, %v", problems, err)
	}
}

func TestBranch_isMadeAsNeeded(t *testing.T) {
	root := map[string]any{"pond": map[string]any{"fish": 7}, "name": "rose"}
	schema.Branch(root, "shed.roof")["tiles"] = 1
	schema.Branch(root, "pond")["depth"] = 2
	schema.Branch(root, "")["beds"] = 3
	schema.Branch(root, "name")["x"] = 4 // what is no section gives way to one
	want := map[string]any{"pond": map[string]any{"fish": 7, "depth": 2}, "name": map[string]any{"x": 4}, "beds": 3,
		"shed": map[string]any{"roof": map[string]any{"tiles": 1}}}
	if !equal(root, want) {
		t.Errorf("got %v, want %v", root, want)
	}
}

func TestAbove_isWhatHoldsAKey(t *testing.T) {
	for key, want := range map[string]string{"": "", "name": "", "a.b.c": "a.b", "a[1]": "a", "a[1][2]": "a[1]", "a[1].b": "a[1]", ".a": "", "a.": "a"} {
		if got := schema.Above(key); got != want {
			t.Errorf("above %q is %q, want %q", key, got, want)
		}
	}
}
