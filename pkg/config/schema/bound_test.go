package schema_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/config/schema"
)

// one is a schema of one key, a.
func one(t *testing.T, rule string) *schema.Schema {
	t.Helper()
	s, err := schema.New([]byte(`{"properties": {"a": `+rule+`}}`), schema.Options{File: "one.yml", Program: "One"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Of each bound the last value that is taken and the first that is not.
func TestCheck_takesWhatIsWithinBounds(t *testing.T) {
	for name, of := range map[string]struct {
		rule      string
		good, bad any
		want      string
	}{
		"a minimum":           {`{"type": "integer", "minimum": 3}`, 3, 2, "want at least 3, got 2"},
		"a maximum":           {`{"type": "integer", "maximum": 3}`, 3, 4, "want at most 3, got 4"},
		"a minimum with half": {`{"type": "number", "minimum": 0.5}`, 0.5, 0.25, "want at least 0.50, got 0.25"},
		"a maximum with half": {`{"type": "number", "maximum": 1.5}`, 1.5, 2, "want at most 1.50, got 2"},
		"a short text":        {`{"type": "string", "minLength": 2}`, "ßß", "ß", "is too short: want at least 2 characters"},
		"a long text":         {`{"type": "string", "maxLength": 2}`, "ßß", "abc", "is too long: want at most 2 characters"},
		"some text":           {`{"type": "string", "minLength": 1}`, " ", "", "is empty; leave the key out to keep the value that it had, or write null for the default"},
		"an item":             {`{"type": "array", "minItems": 1}`, []any{1}, []any{}, "is empty; leave the key out to keep the value that it had, or write null for the default"},
		"few items":           {`{"type": "array", "maxItems": 1}`, []any{1}, []any{1, 2}, "want at most 1, got 2"},
		"some key":            {`{"type": "object", "minProperties": 1}`, map[string]any{"x": 1}, map[string]any{}, "is empty; leave the key out to keep the value that it had, or write null for the default"},
		"few keys":            {`{"type": "object", "maxProperties": 1}`, map[string]any{"x": 1}, map[string]any{"x": 1, "y": 2}, "want at most 1, got 2"},
		"no two alike":        {`{"type": "array", "uniqueItems": true}`, []any{"1", 1}, []any{0, "x", "x"}, "has a duplicate: items 2 and 3"},
		"one choice":          {`{"enum": ["x"]}`, "x", "y", `want x, got "y"`},
		"two choices":         {`{"enum": ["x", 2]}`, 2, "z", `want x or 2, got "z"`},
		"three choices":       {`{"enum": ["x", 2, true]}`, true, "z", `want x, 2 or true, got "z"`},
		"a number":            {`{"type": "number"}`, 2.5, []any{}, "want a number, got a list"},
		"a form":              {`{"pattern": "^x$"}`, "x", "y", `want another form, got "y"`},
		"a form in words":     {`{"pattern": "^x$", "patternErrorMessage": "want an x"}`, "x", "xx", `want an x, got "xx"`},
		"a form, of nothing":  {`{"pattern": "^x", "patternErrorMessage": "want an x"}`, "x", "", "is empty; leave the key out to keep the value that it had, or write null for the default"},
		"a rule of its own":   {`{"const": 3}`, 3, 4, "is not as the schema has it"},
		"one of two rules":    {`{"multipleOf": 2}`, 4, 3, "is not as the schema has it"},
	} {
		t.Run(name, func(t *testing.T) {
			s := one(t, of.rule)
			if problems, err := s.CheckValue("a", of.good); err != nil || len(problems) > 0 {
				t.Errorf("%v: %v, %v", of.good, problems, err)
			}
			problems, err := s.CheckValue("a", of.bad)
			if err != nil || problems.Error() != "a: "+of.want {
				t.Errorf("%v: got  %v, %v\nwant %s", of.bad, problems, err, of.want)
			}
		})
	}
}

// Of a secret the type is said, and never the value.
func TestCheck_keepsSecretsOutOfWhatItSays(t *testing.T) {
	const canary = "hunter2canary"
	for name, of := range map[string]struct {
		key, want string
		value     any
	}{
		"another form":           {"key", "key: want another form", canary},
		"a list":                 {"key", "key: want text, got a list", []any{canary}},
		"keys and values":        {"key", "key: want text, got keys and values", map[string]any{canary: canary}},
		"nothing":                {"key", "key: want text, got null", nil},
		"a text for a map":       {"shed.codes", "shed.codes: want keys and values, got text", canary},
		"a list for a map":       {"shed.codes", "shed.codes: want keys and values, got a list", []any{canary}},
		"a list for one of them": {"shed.codes", "shed.codes.door: want text, got a list", map[string]any{"door": []any{canary}}},
		"a map for one of them":  {"shed.codes", "shed.codes.door: want text, got keys and values", map[string]any{"door": map[string]any{canary: canary}}},
	} {
		problems, err := newGarden(t).CheckValue(of.key, of.value)
		if err != nil || problems.Error() != of.want || strings.Contains(problems.Error(), canary) {
			t.Errorf("%s: got  %v, %v\nwant %s", name, problems, err, of.want)
		}
	}
}

// The release that knows other schemas is the one to install.
func TestCheck_knowsOfWhichReleaseAFileIs(t *testing.T) {
	s, err := schema.New([]byte(`{"properties": {"schema": {"type": "integer", "enum": [1, 2]}}}`), schema.Options{File: "one.yml", Program: "One"})
	if err != nil {
		t.Fatal(err)
	}
	for _, known := range []any{1, 2, 2.0} {
		if problems, err := s.CheckValue("schema", known); err != nil || len(problems) > 0 {
			t.Errorf("%v: %v, %v", known, problems, err)
		}
	}
	problems, err := s.CheckValue("schema", 3)
	if err != nil || problems.Error() != "schema: was written for another release of One; this one knows schema 1 or 2" {
		t.Errorf("3: %v, %v", problems, err)
	}
}
