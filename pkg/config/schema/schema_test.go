package schema_test

import (
	"slices"
	"strings"
	"testing"

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
		"a key is absent": {strings.Replace(gardenSchema, `"fish"`, `"frogs"`, 1), "the schema of garden.yml lacks pond.fish"},
	} {
		_, err := schema.New[garden]([]byte(of.text), schema.Options{File: "garden.yml"})
		if err == nil || !strings.Contains(err.Error(), of.want) {
			t.Errorf("%s: error = %v, want %q in it", name, err, of.want)
		}
	}
}

// A schema that is JSON, and yet none, shows when something is held against it.
func TestCheck_refusesASchemaThatIsNone(t *testing.T) {
	s, err := schema.New[garden]([]byte(strings.Replace(gardenSchema, `"minimum": 1`, `"minimum": "one"`, 1)), schema.Options{File: "garden.yml"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Check(map[string]any{}); err == nil || !strings.Contains(err.Error(), "compile the schema of garden.yml") {
		t.Errorf("Check gives %v", err)
	}
	if _, err := s.Prune(map[string]any{}); err == nil {
		t.Error("Prune goes on")
	}
	if r, err := s.Read("garden.yml", []byte("name: rose\n")); err == nil || r.Source == nil {
		t.Errorf("Read gives %+v, %v", r, err)
	}
}

func TestKeys_arePutTogetherAndTakenApart(t *testing.T) {
	for _, of := range []struct{ key, parent, name, above string }{
		{"", "", "", ""},
		{"name", "", "name", ""},
		{"shed.roof.tiles", "shed.roof", "tiles", "shed.roof"},
		{"pond.depth", "pond", "depth", "pond"},
	} {
		parent, name := schema.Split(of.key)
		if parent != of.parent || name != of.name {
			t.Errorf("Split(%q) = %q, %q", of.key, parent, name)
		}
		if got := schema.Above(of.key); got != of.above {
			t.Errorf("Above(%q) = %q", of.key, got)
		}
		if got := schema.Join(parent, name); got != of.key {
			t.Errorf("Join(%q, %q) = %q", parent, name, got)
		}
	}
	if got := schema.Above("plants[1]"); got != "plants" {
		t.Errorf("an item is in %q", got)
	}
}

func TestRule_sentenceIsTheFirstWithoutItsStop(t *testing.T) {
	for key, want := range map[string]string{"name": "Name of the garden", "beds": "Number of beds", "open": "Whether visitors may come in"} {
		if got := field(t, key).Rule.Sentence(); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
}

func TestRule_parsesWhatFlagsSay(t *testing.T) {
	for _, of := range []struct {
		key, text string
		want      any
		problem   string
	}{
		{"beds", " 7 ", 7, ""},
		{"beds", "seven", nil, `want a whole number, got "seven"`},
		{"beds", "7.5", nil, `want a whole number, got "7.5"`},
		{"beds", "", nil, `want a whole number, got ""`},
		{"open", "true", true, ""},
		{"open", " false", false, ""},
		{"open", "yes", nil, `want true or false, got "yes"`},
		{"open", "True", nil, `want true or false, got "True"`},
		{"name", " rose ", " rose ", ""},
		{"name", "", "", ""},
		{"beds", strings.Repeat("é", 61), nil, `want a whole number, got "` + strings.Repeat("é", 60) + `…"`},
		{"open", "a\nb", nil, `want true or false, got "a…"`},
		{"plants", "oak", []any{"oak"}, ""},
		{"plants", " oak ,, rose,", []any{"oak", "rose"}, ""},
		{"plants", " , ", nil, "is empty; leave it out to keep the value that was set, or say null for the default"},
	} {
		got, err := field(t, of.key).Rule.Parse(of.text)
		if !equal(got, of.want) || (err == nil) != (of.problem == "") || err != nil && err.Error() != of.problem {
			t.Errorf("%s %q: %v, %v; want %v, %s", of.key, of.text, got, err, of.want, of.problem)
		}
	}
}
