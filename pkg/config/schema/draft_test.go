package schema_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/config/schema"
)

// draft is what of the garden is written.
func draft(t *testing.T, d schema.Draft) string {
	t.Helper()
	if d.Skip == nil {
		d.Skip = func(string, *schema.Rule) bool { return false }
	}
	text, err := newGarden(t).Write(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestWrite_givesEveryKeyWithWhatItIsFor(t *testing.T) {
	got := draft(t, schema.Draft{Head: "# My garden.\n\n", Values: map[string]string{"schema": "1", "name": "rose", "pond.depth": "2"}, Examples: map[string]any{"beds": 4}})
	want := `# My garden.

# Version of the file.
schema: 1
# Name of the garden. It is on the gate. Cannot be changed after the first deploy.
name: rose
# Number of beds
#beds: 4
# Whether visitors may come in.
#open: true
# Key of the gate.
#key: k-1
# What grows. Default: what the shop has.
#plants: ["rose", "oak"]
# Labels on the gate.
#labels: {"team": "a"}

# The pond.
pond:
  # Depth in metres.
  depth: 2
  # Number of fish.
  #fish: 7

# The shed.
shed:
  # Codes of the locks.
  #codes: {"door": "x"}
  # Anything.
  #vars: {"a":1}
  # The roof.
  roof:
    # Number of tiles.
    #tiles: 100
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWrite_leavesOutWhatIsOfNoUseAndSectionsThatWouldBeEmpty(t *testing.T) {
	got := draft(t, schema.Draft{Skip: func(key string, r *schema.Rule) bool {
		return r.AWS || key == "shed.codes" || key == "shed.vars" || key == "shed.roof.tiles" || key == "labels"
	}})
	for _, gone := range []string{"pond", "fish", "shed", "roof", "labels", "Codes"} {
		if strings.Contains(got, gone) {
			t.Errorf("%s is in\n%s", gone, got)
		}
	}
	if !strings.Contains(got, "#beds: 2") {
		t.Errorf("the rest is gone as well:\n%s", got)
	}
}

func TestWrite_keepsTextsOfSeveralLinesOnOne(t *testing.T) {
	for value, want := range map[string]string{
		"a\nb\n":  `name: "a\nb\n"`,
		"a: b":    `name: 'a: b'`,
		"#rose":   `name: '#rose'`,
		"123":     `name: "123"`,
		"rose ok": `name: rose ok`,
	} {
		if got := draft(t, schema.Draft{Values: map[string]string{"name": value}}); !strings.Contains(got, "\n"+want+"\n") {
			t.Errorf("%q: want %s in\n%s", value, want, got)
		}
	}
}

func TestWrite_breaksComments(t *testing.T) {
	long := strings.TrimSpace(strings.Repeat("words ", 40))
	s, err := schema.New([]byte(`{"properties": {"name": {"description": "`+long+`", "type": "string", "examples": ["a"]}}}`), schema.Options{File: "x.yml"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.Write(schema.Draft{Skip: func(string, *schema.Rule) bool { return false }})
	if err != nil {
		t.Fatal(err)
	}
	words := 0
	for line := range strings.Lines(string(text)) {
		if len(line) > 89 {
			t.Errorf("a line of %d characters: %s", len(line), line)
		}
		words += strings.Count(line, "words")
	}
	if words != 40 {
		t.Errorf("%d words are left", words)
	}
}

// An answer stands on one line, whatever its length, and is read back as it was given.
func TestWrite_givesAnswersThatAreReadBack(t *testing.T) {
	s, err := schema.New([]byte(`{"properties": {"a": {"type": "string", "description": "A."}, "n": {"type": "integer", "description": "N."}, "none": {"type": "string", "description": "None."}}}`), schema.Options{File: "x.yml"})
	if err != nil {
		t.Fatal(err)
	}
	for _, answer := range []string{"rose", strings.TrimSpace(strings.Repeat("long words ", 60)), "a\nb\n", "  a", "a  ", "yes", "null", "~", "1.10", "2024-01-02", "- a", "a: b", "a #b", "*a", "&a", "!a", "{a}", "'", "\"", "\t", "ß🌹", "|", "%", "@", "\r\n", "\u2028"} {
		text, err := s.Write(schema.Draft{Values: map[string]string{"a": answer, "n": "3"}, Skip: func(string, *schema.Rule) bool { return false }})
		if err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(string(text), "\n"); lines != 6 {
			t.Errorf("%.40q takes %d lines:\n%s", answer, lines, text)
		}
		r, err := s.Read("x.yml", text)
		if err != nil || len(r.Problems) > 0 || !equal(r.Tree, map[string]any{"a": answer, "n": 3}) {
			t.Errorf("%.40q is read back as %q, %v, %v", answer, r.Tree, r.Problems, err)
		}
	}
}
