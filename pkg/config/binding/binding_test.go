package binding_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/config/binding"
	"github.com/perpetual-ci/perpetual/pkg/config/schema"
)

func TestNew_findsTheFieldsInTheOrderOfTheStruct(t *testing.T) {
	s := newGarden(t)
	var fields, sections []string
	for _, f := range s.Fields() {
		fields = append(fields, f.Key)
	}
	for _, f := range s.Sections() {
		sections = append(sections, f.Key)
	}
	if want := []string{"schema", "name", "beds", "open", "key", "plants", "labels", "pond.depth", "pond.fish", "shed.codes", "shed.vars", "shed.roof.tiles"}; !slices.Equal(fields, want) {
		t.Errorf("fields %q, want %q", fields, want)
	}
	if want := []string{"pond"}; !slices.Equal(sections, want) {
		t.Errorf("sections %q, want %q", sections, want)
	}
}

func TestNew_refusesASchemaThatDoesNotFit(t *testing.T) {
	for name, of := range map[string]struct{ text, want string }{
		"no JSON":         {"{", "read the schema of garden.yml"},
		"another type":    {`{"properties": []}`, "read the schema of garden.yml"},
		"no properties":   {`{"type": "object"}`, "the schema of garden.yml lacks schema, name, beds, open, key, plants, labels, pond, shed"},
		"a key is absent": {strings.Replace(string(gardenSchema(t)), `"fish"`, `"frogs"`, 1), "the schema of garden.yml lacks pond.fish"},
	} {
		_, err := binding.New[garden]([]byte(of.text), schema.Options{File: "garden.yml"})
		if err == nil || !strings.Contains(err.Error(), of.want) {
			t.Errorf("%s: error = %v, want %q in it", name, err, of.want)
		}
	}
}

func TestRead_givesTheRestOfAFileWithProblems(t *testing.T) {
	r, err := newGarden(t).Read("garden.yml", []byte("name: rose\nbeds: many\npond:\n  depth: 2\n  frogs: 1\nplants: [oak, fern]\nopen: null\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Problems) != 3 {
		t.Errorf("problems: %v", r.Problems)
	}
	if c := r.Value; c.Name != "rose" || c.Beds != 0 || c.Pond == nil || c.Pond.Depth != 2 || c.Plants != nil || c.Open != nil {
		t.Errorf("the rest is %+v", c)
	}
	if r, err := newGarden(t).Read("garden.yml", []byte("pond:\nshed: null\n")); err != nil || r.Value.Pond != nil {
		t.Errorf("a section without keys is there: %+v, %v", r.Value, err)
	}
	if r, err := newGarden(t).Read("garden.yml", []byte("rose\n")); err == nil || r.Source == nil || r.Value != nil {
		t.Errorf("no file: %+v, %v", r, err)
	}
}

func TestWrite_givesAFileThatHoldsWithEveryKeySet(t *testing.T) {
	written, err := newGarden(t).Write(schema.Draft{Values: map[string]string{"name": "rose"}, Skip: func(string, *schema.Rule) bool { return false }})
	if err != nil {
		t.Fatal(err)
	}
	text := string(written)
	all := regexp.MustCompile(`(?m)^( *)#([a-z])`).ReplaceAllString(text, "$1$2")
	c := read(t, all)
	for _, f := range newGarden(t).Fields() {
		if !f.Set(c) {
			t.Errorf("%s is not set by\n%s", f.Key, all)
		}
	}
	if set := read(t, text); set.Beds != 0 || set.Pond != nil || set.Name != "rose" {
		t.Errorf("what is commented out is set: %+v", set)
	}
}
