package schema_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/config/schema"
)

func TestNew_refusesWhatIsNoSchema(t *testing.T) {
	for name, text := range map[string]string{"no JSON": "{", "another type": `{"properties": []}`} {
		if _, err := schema.New([]byte(text), schema.Options{File: "garden.yml"}); err == nil || !strings.Contains(err.Error(), "read the schema of garden.yml") {
			t.Errorf("%s: error = %v", name, err)
		}
	}
}

func TestRule_isThatOfAKey(t *testing.T) {
	s := newGarden(t)
	for key, want := range map[string]string{"beds": "Number of beds", "shed.roof": "The roof", "shed.roof.tiles": "Number of tiles"} {
		if r := s.Rule(key); r == nil || r.Sentence() != want {
			t.Errorf("%s: %+v, want %q", key, r, want)
		}
	}
	for _, key := range []string{"", "trees", "beds.size", "shed.roof.tiles.x", "roof"} {
		if r := s.Rule(key); r != nil {
			t.Errorf("%q: %+v", key, r)
		}
	}
}

// A schema that is JSON, and yet none, shows when something is held against it.
func TestCheck_refusesASchemaThatIsNone(t *testing.T) {
	s, err := schema.New([]byte(strings.Replace(gardenSchema, `"minimum": 1`, `"minimum": "one"`, 1)), schema.Options{File: "garden.yml"})
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
		if got := rule(t, key).Sentence(); got != want {
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
		got, err := rule(t, of.key).Parse(of.text)
		if !equal(got, of.want) || (err == nil) != (of.problem == "") || err != nil && err.Error() != of.problem {
			t.Errorf("%s %q: %v, %v; want %v, %s", of.key, of.text, got, err, of.want, of.problem)
		}
	}
}
