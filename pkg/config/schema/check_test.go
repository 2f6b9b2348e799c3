package schema_test

import (
	"strings"
	"testing"
)

func TestCheck_saysWhatIsWantedAndWhatIsThere(t *testing.T) {
	for name, of := range map[string]struct {
		key   string
		value any
		want  string
	}{
		"another type":              {"beds", "three", `beds: want a whole number, got "three"`},
		"a number for a text":       {"name", 1.5, "name: want text, got the number 1.5 (put quotes around it)"},
		"a bool for a text":         {"name", true, "name: want text, got true (put quotes around it)"},
		"nothing for a text":        {"name", nil, "name: want text, got null"},
		"a list for a text":         {"name", []any{"a"}, "name: want text, got a list"},
		"a map for a number":        {"beds", map[string]any{}, "beds: want a whole number, got keys and values"},
		"too short":                 {"name", "ab", "name: is too short: want at least 3 characters"},
		"too long":                  {"name", "abcdefghi", "name: is too long: want at most 8 characters"},
		"another form":              {"name", "Rose", `name: want lower-case letters, got "Rose"`},
		"too small":                 {"beds", 0, "beds: want at least 1, got 0"},
		"too large":                 {"beds", 10, "beds: want at most 9, got 10"},
		"another release's":         {"schema", 2, "schema: was written for another release of Gardener; this one knows schema 1"},
		"not one of them":           {"plants", []any{"fern"}, `plants[0]: want rose or oak, got "fern"`},
		"none":                      {"plants", []any{}, "plants: is empty; leave the key out to keep the value that it had, or write null for the default"},
		"two alike":                 {"plants", []any{"oak", "rose", "oak"}, "plants: has a duplicate: items 1 and 3"},
		"no label":                  {"labels", map[string]any{}, "labels: is empty; leave the key out to keep the value that it had, or write null for the default"},
		"many labels":               {"labels", map[string]any{"a": "", "b": "", "c": ""}, "labels: want at most 2, got 3"},
		"a long label":              {"labels", map[string]any{"a": "toolong"}, "labels.a: is too long: want at most 5 characters"},
		"a label's name":            {"labels", map[string]any{"toolong": "a"}, "labels.toolong: want a short name"},
		"a name without a rule":     {"shed.codes", map[string]any{"x": "a"}, "shed.codes.x: want a shorter or longer name"},
		"a secret's type":           {"key", 7777, "key: want text, got a number (put quotes around it)"},
		"a secret that is a bool":   {"key", true, "key: want text, got true or false (put quotes around it)"},
		"a secret's form":           {"key", "x7777", "key: want another form"},
		"an empty secret":           {"key", "", "key: is empty; leave the key out to keep the value that it had, or write null for the default"},
		"a secret in a map":         {"shed.codes", map[string]any{"door": 7777}, "shed.codes.door: want text, got a number (put quotes around it)"},
		"a map for a secret":        {"key", map[string]any{"a": "7777"}, "key: want text, got keys and values"},
		"a text for a secret map":   {"shed.codes", "7777", "shed.codes: want keys and values, got text"},
		"a slip":                    {"pond.fihs", 1, `pond.fihs: unknown key; did you mean "fish"?`},
		"a key of another section":  {"tiles", 1, `tiles: unknown key; did you mean "shed.roof.tiles"?`},
		"a key that nobody knows":   {"pond.colour", 1, "pond.colour: unknown key; known here: depth, fish"},
		"a long text is cut":        {"beds", strings.Repeat("x", 61), `beds: want a whole number, got "` + strings.Repeat("x", 60) + `…"`},
		"of a text the first line":  {"beds", "a\nb", `beds: want a whole number, got "a…"`},
		"what is right":             {"plants", []any{"oak", "rose"}, ""},
		"what is right, in a map":   {"shed.vars", map[string]any{"a": nil}, ""},
		"a whole number with a dot": {"beds", 3.0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			problems, err := newGarden(t).CheckValue(of.key, of.value)
			if err != nil {
				t.Fatal(err)
			}
			if got := problems.Error(); got != of.want {
				t.Errorf("got  %s\nwant %s", got, of.want)
			}
		})
	}
}

func TestCheck_saysOneThingOfAKey(t *testing.T) {
	problems, err := newGarden(t).Check(map[string]any{"name": "A", "zzzz": 1, "beds": 11})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, p := range problems {
		seen[p.Key]++
	}
	if len(problems) != 3 || seen["name"] != 1 || seen["zzzz"] != 1 || seen["beds"] != 1 {
		t.Errorf("got %v", problems)
	}
}

func TestPrune_takesOutWhatDoesNotFitAndNoMore(t *testing.T) {
	for name, of := range map[string]struct {
		tree, want map[string]any
		keys       []string
	}{
		"nothing wrong":     {map[string]any{"name": "rose"}, map[string]any{"name": "rose"}, nil},
		"one value":         {map[string]any{"name": "rose", "beds": 0}, map[string]any{"name": "rose"}, []string{"beds"}},
		"one of a section":  {map[string]any{"pond": map[string]any{"fish": 1, "depth": "x"}}, map[string]any{"pond": map[string]any{"fish": 1}}, []string{"pond.depth"}},
		"all of a section":  {map[string]any{"pond": map[string]any{"depth": "x"}}, map[string]any{}, []string{"pond.depth"}},
		"an item of a list": {map[string]any{"plants": []any{"oak", "fern"}}, map[string]any{}, []string{"plants[1]"}},
		"a value of a map":  {map[string]any{"labels": map[string]any{"a": "x", "b": 1}}, map[string]any{"labels": map[string]any{"a": "x"}}, []string{"labels.b"}},
		"an unknown key":    {map[string]any{"name": "rose", "nmae": 1}, map[string]any{"name": "rose"}, []string{"nmae"}},
		"a key with a dot":  {map[string]any{"labels": map[string]any{"a.b": 1, "a": "x"}}, map[string]any{"labels": map[string]any{"a": "x"}}, []string{"labels.a.b"}},
		// What is left of it is wrong in another way.
		"one thing after the other": {map[string]any{"name": "rose", "labels": map[string]any{"a": 1, "b": 2, "c": "x"}}, map[string]any{"name": "rose"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			problems, err := newGarden(t).Prune(of.tree)
			if err != nil {
				t.Fatal(err)
			}
			if name == "one thing after the other" {
				if left, err := newGarden(t).Check(of.tree); err != nil || len(left) > 0 || len(problems) == 0 || of.tree["name"] != "rose" {
					t.Errorf("left %v: %v, %v", of.tree, left, err)
				}
				return
			}
			if !equal(of.tree, of.want) {
				t.Errorf("left %v, want %v", of.tree, of.want)
			}
			var keys []string
			for _, p := range problems {
				keys = append(keys, p.Key)
			}
			if !equal(keys, of.keys) {
				t.Errorf("problems of %q, want of %q", keys, of.keys)
			}
		})
	}
}
