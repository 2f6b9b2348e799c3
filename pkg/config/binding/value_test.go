package binding_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// equal compares plain values.
func equal(a, b any) bool { return reflect.DeepEqual(a, b) }

func TestTree_andBack(t *testing.T) {
	s := newGarden(t)
	c := read(t, full)
	tree := s.Tree(c)
	want := map[string]any{
		"schema": 1, "name": "rose", "beds": 3, "open": false, "key": "k-secret", "plants": []any{"oak"}, "labels": map[string]any{"team": "a"},
		"pond": map[string]any{"depth": 2, "fish": 7},
		"shed": map[string]any{"codes": map[string]any{"door": "1234"}, "vars": map[string]any{"a": 1, "b": map[string]any{"c": []any{"x"}}}, "roof": map[string]any{"tiles": 100}},
	}
	if !equal(tree, want) {
		t.Errorf("got  %v\nwant %v", tree, want)
	}
	again, err := s.FromTree(tree)
	if err != nil {
		t.Fatal(err)
	}
	if !equal(again, c) {
		t.Errorf("got  %+v\nwant %+v", again, c)
	}
}

func TestTree_keepsASectionThatIsEmpty(t *testing.T) {
	s := newGarden(t)
	c := read(t, "name: rose\npond: {}\n")
	if c.Pond == nil {
		t.Fatal("the pond is lost in reading")
	}
	tree := s.Tree(c)
	if !equal(tree, map[string]any{"name": "rose", "pond": map[string]any{}}) {
		t.Errorf("got %v", tree)
	}
	if again, err := s.FromTree(tree); err != nil || again.Pond == nil {
		t.Errorf("the pond is lost on the way back: %+v, %v", again, err)
	}
}

func TestFromTree_refusesAValueOfAnotherTypeAndDoesNotShowIt(t *testing.T) {
	for name, tree := range map[string]map[string]any{
		"name: want a value of type string":       {"name": 77777},
		"beds: want a value of type integer":      {"beds": "77777"},
		"open: want a value of type boolean":      {"open": "77777"},
		"key: want a value of type string":        {"key": 77777},
		"plants: want a value of type array":      {"plants": []any{"oak", 77777}},
		"labels: want a value of type object":     {"labels": map[string]any{"team": 77777}},
		"shed.codes: want a value of type object": {"shed": map[string]any{"codes": map[string]any{"door": 77777}}},
		"shed.vars: want a value of type object":  {"shed": map[string]any{"vars": "77777"}},
		"pond.fish: want a value of type integer": {"pond": map[string]any{"fish": 1.5}},
	} {
		_, err := newGarden(t).FromTree(tree)
		if err == nil || err.Error() != name {
			t.Errorf("error = %v, want %s", err, name)
		}
	}
}

func TestAssign_takesWholeNumbersInEveryForm(t *testing.T) {
	for _, of := range []struct {
		value any
		want  int
		ok    bool
	}{{3, 3, true}, {int64(3), 3, true}, {3.0, 3, true}, {-1.0, -1, true}, {1.5, 0, false}, {1e300, 0, false}, {"3", 0, false}, {nil, 0, false}} {
		var c garden
		err := field(t, "beds").Assign(&c, of.value)
		if c.Beds != of.want || (err == nil) != of.ok {
			t.Errorf("%v: %d, %v", of.value, c.Beds, err)
		}
	}
}

func TestClone_sharesNothing(t *testing.T) {
	s := newGarden(t)
	c := read(t, full)
	copied := s.Clone(c)
	if !equal(copied, c) {
		t.Fatalf("got  %+v\nwant %+v", copied, c)
	}
	copied.Plants[0] = "rose"
	copied.Labels["team"] = "b"
	copied.Pond.Depth = 9
	copied.Shed.Codes["door"] = secret.New("x")
	copied.Shed.Vars["b"].(map[string]any)["c"].([]any)[0] = "y"
	*copied.Open = true
	if want := read(t, full); !equal(c, want) {
		t.Errorf("the original has become %+v", c)
	}
	if got := s.Clone(nil); !equal(got, &garden{}) {
		t.Errorf("a copy of nothing is %+v", got)
	}
}

func TestField_isSetByAnyValueButNotByTheZeroOne(t *testing.T) {
	c := &garden{Plants: []string{}, Open: new(bool)}
	for key, want := range map[string]bool{"plants": true, "open": true, "name": false, "beds": false, "labels": false, "pond.depth": false, "shed.roof.tiles": false, "key": false} {
		f := field(t, key)
		if f.Set(c) != want || f.Set(nil) {
			t.Errorf("%s: set %t, of nothing %t", key, f.Set(c), f.Set(nil))
		}
		if (f.Value(c) != nil) != want {
			t.Errorf("%s: value %v", key, f.Value(c))
		}
	}
}

func TestField_isTakenAway(t *testing.T) {
	s := newGarden(t)
	c := read(t, full)
	for _, f := range s.Fields() {
		f.Clear(c)
		if f.Set(c) {
			t.Errorf("%s is still set", f.Key)
		}
	}
	if c.Pond == nil {
		t.Error("the section has gone with its keys")
	}
	s.Sections()[0].Clear(c)
	field(t, "pond.fish").Clear(c) // of a section that is absent
	if c.Pond != nil {
		t.Error("the section is still there")
	}
}

func TestField_copiesIntoASectionThatIsAbsent(t *testing.T) {
	from, to := read(t, full), &garden{}
	field(t, "pond.fish").Copy(to, from)
	field(t, "open").Copy(to, from)
	if to.Pond == nil || to.Pond.Fish != 7 || to.Pond.Depth != 0 || to.Open == nil || *to.Open {
		t.Errorf("got %+v", to)
	}
	*to.Open = true
	if *from.Open {
		t.Error("the two share a value")
	}
}

func TestField_isWithinItselfAndItsSections(t *testing.T) {
	f := field(t, "shed.roof.tiles")
	for key, want := range map[string]bool{"shed": true, "shed.roof": true, "shed.roof.tiles": true, "shed.ro": false, "she": false, "roof": false, "": false} {
		if f.Within(key) != want {
			t.Errorf("within %q is %t", key, !want)
		}
	}
}

func TestSecrets_areAllThatAreSet(t *testing.T) {
	c := read(t, "key: k-1\nshed: {codes: {door: a, window: b}}\n")
	var seen []string
	for _, v := range newGarden(t).Secrets(c) {
		seen = append(seen, v.Reveal())
	}
	slices.Sort(seen)
	if want := []string{"a", "b", "k-1"}; !slices.Equal(seen, want) {
		t.Errorf("got %q, want %q", seen, want)
	}
	if none := newGarden(t).Secrets(&garden{}); len(none) > 0 {
		t.Errorf("%d secrets of nothing", len(none))
	}
}

func TestShow_isForPeopleAndHidesSecrets(t *testing.T) {
	c := read(t, full)
	c.Name = "a\nb\nc\n"
	for key, want := range map[string]string{
		"name":            "(3 lines, sha256 cb6f9e1b)",
		"beds":            "3",
		"open":            "false",
		"key":             "(hidden)",
		"plants":          "[oak]",
		"labels":          `{"team":"a"}`,
		"shed.codes":      "(hidden)",
		"shed.vars":       `{"a":1,"b":{"c":["x"]}}`,
		"shed.roof.tiles": "100",
	} {
		f := field(t, key)
		got := f.Show(c)
		if key == "name" { // its digest is known to nobody by heart
			want, got = want[:len("(3 lines, sha256 ")], got[:min(len(got), len("(3 lines, sha256 "))]
		}
		if got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
		if text := f.Show(&garden{}); text != "" {
			t.Errorf("%s, not set: %q", key, text)
		}
	}
	if got := field(t, "name").Show(read(t, "name: rose\n")); got != "rose" || strings.Contains(got, "sha256") {
		t.Errorf("one line is %q", got)
	}
}
