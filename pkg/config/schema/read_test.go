package schema_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/config/schema"
)

func TestRead_takesWhatIsRightOfAFileWithProblems(t *testing.T) {
	r, err := newGarden(t).Read("garden.yml", []byte("name: rose\nbeds: many\npond:\n  depth: 2\n  frogs: 1\nplants: [oak, fern]\nopen: null\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`garden.yml:2: beds: want a whole number, got "many"`,
		`garden.yml:5: pond.frogs: unknown key; known here: depth, fish`,
		`garden.yml:6: plants[1]: want rose or oak, got "fern"`,
	}
	if got := strings.Split(r.Problems.Error(), "\n"); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if want := map[string]any{"name": "rose", "pond": map[string]any{"depth": 2}}; !equal(r.Tree, want) {
		t.Errorf("the rest is %v, want %v", r.Tree, want)
	}
	if want := []string{"open"}; !slices.Equal(r.Nulls, want) {
		t.Errorf("null are %q", r.Nulls)
	}
}

func TestRead_namesTheFileAsItsPeopleDo(t *testing.T) {
	for text, want := range map[string]string{
		strings.Repeat("#", 1<<20+1): "is larger than 1048576 bytes; this is not a garden.yml",
		"name: rose\n---\n":          "begins a second document; a garden.yml is one",
		"- rose\n":                   `want keys and values such as "name: rose", got a list`,
		"rose\n":                     `want keys and values such as "name: rose", got a single value`,
	} {
		r, err := newGarden(t).Read("my.yml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "my.yml:") || r.Source == nil {
			t.Errorf("%.20q: error = %v, want %q in it", text, err, want)
		}
	}
}

func TestRead_readsYAML11WhereItIsWanted(t *testing.T) {
	const text = "yes"
	want := map[string]any{"shed": map[string]any{"vars": map[string]any{"a": true, "b": "yes", "c": []any{false}, "d": 8}}}
	if got := read(t, "shed: {vars: {a: yes, b: 'yes', c: [off], d: 010}}\n"); !equal(got, want) {
		t.Errorf("got %#v", got)
	}
	r, err := newGarden(t).Read("garden.yml", []byte("name: "+text+"\n"))
	if err != nil || !equal(r.Tree, map[string]any{"name": "yes"}) {
		t.Errorf("elsewhere it is %v, %v", r.Tree, err)
	}
	plain, err := schema.New([]byte(gardenSchema), schema.Options{File: "garden.yml"})
	if err != nil {
		t.Fatal(err)
	}
	r, err = plain.Read("garden.yml", []byte("shed: {vars: {a: yes}}\n"))
	if err != nil || !equal(r.Tree, map[string]any{"shed": map[string]any{"vars": map[string]any{"a": "yes"}}}) {
		t.Errorf("without a place for it: %v, %v", r.Tree, err)
	}
}

func TestRead_takesNullForTheDefaultAndAnEmptySectionForNothing(t *testing.T) {
	r, err := newGarden(t).Read("garden.yml", []byte("beds: ~\npond:\nshed: null\nlabels: Null\nname:\n"))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"beds", "shed", "labels"}; !slices.Equal(r.Nulls, want) {
		t.Errorf("null are %q, want %q", r.Nulls, want)
	}
	if got := r.Problems.Error(); got != "garden.yml:5: name: has no value; leave the key out to keep the value that it had, or write null for the default" {
		t.Errorf("problems: %s", got)
	}
	if len(r.Tree) > 0 {
		t.Errorf("a section without keys is there: %v", r.Tree)
	}
}

// A tab is what the parser does not name, on whichever line it is.
func TestRead_namesTheLineOfATab(t *testing.T) {
	for text, line := range map[string]string{
		"pond:\n\tdepth: 1\n":           "2",
		"name: rose\npond:\n  \tx: 1\n": "3",
	} {
		_, err := newGarden(t).Read("garden.yml", []byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), "garden.yml:"+line+": the line begins with a tab") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
