package schema_test

import (
	"strings"
	"testing"
)

// refusal is what is said of a text that is not YAML.
func refusal(t *testing.T, text string) string {
	t.Helper()
	r, err := newGarden(t).Read("garden.yml", []byte(text))
	if err == nil {
		t.Errorf("%q was taken, as %v with %v", text, r.Tree, r.Problems)
		return ""
	}
	if len(r.Tree) > 0 || len(r.Problems) > 0 || strings.Contains(err.Error(), "\n") {
		t.Errorf("%q: beside the error there are %v and %v", text, r.Tree, r.Problems)
	}
	return err.Error()
}

// The YAML parser counts some lines from 0, and says nothing of the first one; an editor
// counts from 1.
func TestRead_namesTheLineThatIsNotYAML(t *testing.T) {
	for name, of := range map[string]struct{ text, want string }{
		"a value with a colon":        {"name: a: b\n", "garden.yml:1: is not YAML: mapping values are not allowed in this context"},
		"the same further down":       {"name: rose\nbeds: 1\nkey: a: b\n", "garden.yml:3: is not YAML: mapping values are not allowed in this context"},
		"a character that is not for": {"name: @rose\n", "garden.yml:1: is not YAML: found character that cannot start any token"},
		"indented too little":         {"name: rose\npond:\n  depth: 3\n fish: 1\n", "garden.yml:4: is not YAML: did not find expected key"},
		"indented too little at once": {"pond:\n  depth: 3\n fish: 1\n", "garden.yml:3: is not YAML: did not find expected key"},
		"indented too far":            {"name: rose\npond:\n  depth: 3\n   fish: 1\n", "garden.yml:4: is not YAML: mapping values are not allowed in this context"},
		"a list that goes on":         {"name: rose\n\n\nplants: [oak\nopen: true\n", "garden.yml:4: is not YAML: did not find expected ',' or ']'"},
		"a map that goes on":          {"name: rose\npond: {depth: 1\nopen: true\n", "garden.yml:2: is not YAML: did not find expected ',' or '}'"},
		"a list that never ends":      {"plants: [oak\n\n", "garden.yml:1: is not YAML: did not find expected ',' or ']'"},
		"a bracket too many":          {"plants: ]\n", "garden.yml:1: is not YAML: did not find expected node content"},
		"a bracket, further down":     {"name: rose\nplants: ]\n", "garden.yml:2: is not YAML: did not find expected node content"},
		"a list among keys":           {"name: rose\n- oak\n", "garden.yml:2: is not YAML: did not find expected key"},
		"a quote that never ends":     {"name: rose\nkey: 'k\n", "garden.yml:2: is not YAML: found unexpected end of stream"},
		"an escape that is not one":   {"name: rose\nkey: \"\\q\"\n", "garden.yml:2: is not YAML: found unknown escape character"},
		"a key without a colon":       {"name: rose\nbeds 3\nopen: true\n", "garden.yml:2: is not YAML: could not find expected ':'"},
		"a tag of nowhere":            {"name: rose\nbeds: !a!b 1\n", "garden.yml:2: is not YAML: found undefined tag handle"},
		"another YAML":                {"%YAML 3.0\n---\nname: rose\n", "garden.yml:1: is not YAML: found incompatible YAML document"},
		"text after the end":          {"name: rose\n...\nbeds: 1\nopen\n", "garden.yml:3: is not YAML: did not find expected <document start>"},
		"a second one that is broken": {"name: rose\n---\nplants: [\n", "garden.yml:3: is not YAML: did not find expected node content"},
	} {
		if got := refusal(t, of.text); got != of.want {
			t.Errorf("%s: got  %s\nwant %s", name, got, of.want)
		}
	}
}

// A tab is named where the parser stumbles over one. Where it is text, or the parser
// stumbles over something else, naming it would send the reader to a line that is right.
func TestRead_namesATabOnlyWhereItIsInTheWay(t *testing.T) {
	const tab = ": the line begins with a tab; YAML wants spaces"
	for name, of := range map[string]struct{ text, want string }{
		"on the first line":          {"\tname: rose\n", "garden.yml:1" + tab},
		"below a key":                {"pond:\n\tdepth: 1\n", "garden.yml:2" + tab},
		"behind a value":             {"name: rose\n\tbeds: 1\n", "garden.yml:2" + tab},
		"between keys of a section":  {"name: rose\npond:\n  depth: 1\n\tfish: 1\n", "garden.yml:4" + tab},
		"after spaces":               {"pond:\n  depth: 1\n  \tfish: 1\n", "garden.yml:3" + tab},
		"before a comment":           {"beds: 3\n\t# three\n", "garden.yml:2" + tab},
		"in a block":                 {"name: rose\nkey: |\n\tk\n", "garden.yml:3" + tab},
		"in a block before an error": {"key: |\n  k\n  \tx\nname: rose\nbeds: @\n", "garden.yml:5: is not YAML: found character that cannot start any token"},
		"in a list that never ends":  {"plants: [\n\toak\n", "garden.yml:2: is not YAML: did not find expected ',' or ']'"},
		"behind an error":            {"name: @rose\nkey: |\n  k\n  \tx\n", "garden.yml:1: is not YAML: found character that cannot start any token"},
	} {
		if got := refusal(t, of.text); got != of.want {
			t.Errorf("%s: got  %s\nwant %s", name, got, of.want)
		}
	}
	for name, text := range map[string]string{
		"behind a colon": "beds:\t3\n", "before a comment": "beds: 3\t# three\n", "in a list": "plants: [\n\toak ]\n", "in a quote": "key: 'k\n\tx'\n",
	} {
		if r, err := newGarden(t).Read("garden.yml", []byte(text)); err != nil || len(r.Problems) > 0 || len(r.Tree) != 1 {
			t.Errorf("%s: %v, %v, %v", name, r.Tree, r.Problems, err)
		}
	}
}

// utf16 is text of ASCII in two bytes each.
func utf16(text string, little bool) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if little {
			b.Write([]byte{c, 0})
		} else {
			b.Write([]byte{0, c})
		}
	}
	return b.String()
}

func TestRead_takesTheEncodingsOfYAML(t *testing.T) {
	const text = "name: rose\nbeds: 3\n"
	for name, encoded := range map[string]string{
		"UTF-8 with a mark": "\xef\xbb\xbf" + text,
		"UTF-16, little":    "\xff\xfe" + utf16(text, true),
		"UTF-16, big":       "\xfe\xff" + utf16(text, false),
		"lines of Windows":  strings.ReplaceAll(text, "\n", "\r\n"),
		"no last line end":  strings.TrimSuffix(text, "\n"),
	} {
		if got := read(t, encoded); !equal(got, map[string]any{"name": "rose", "beds": 3}) {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := read(t, "key: kß🌹\n"); !equal(got, map[string]any{"key": "kß🌹"}) {
		t.Errorf("letters of elsewhere are %v", got)
	}
}

func TestRead_namesTheLineOfAnotherEncoding(t *testing.T) {
	for name, of := range map[string]struct{ text, want string }{
		"Latin-1":                  {"name: rose\n# sch\xf6n\n", "garden.yml:2: is not YAML: incomplete UTF-8 octet sequence"},
		"Latin-1 at the end":       {"name: rose\nbeds: 3\nkey: kaf\xe9", "garden.yml:3: is not YAML: incomplete UTF-8 octet sequence"},
		"a control character":      {"name: rose\nkey: k\x01\n", "garden.yml:2: is not YAML: control characters are not allowed"},
		"a zero byte in a comment": {"# \x00\nname: rose\n", "garden.yml:1: is not YAML: control characters are not allowed"},
		"after letters of others":  {"name: rose\r\n# schön\t…\r\nkey: \x7f\n", "garden.yml:3: is not YAML: control characters are not allowed"},
		"half a character":         {"\xff\xfe" + utf16("name: rose", true) + "\n", "garden.yml: is not YAML: incomplete UTF-16 character"},
	} {
		if got := refusal(t, of.text); !strings.HasPrefix(got, of.want) {
			t.Errorf("%s: got  %s\nwant %s", name, got, of.want)
		}
	}
}

func TestRead_takesOneDocumentOfAMillionBytes(t *testing.T) {
	full := "name: rose\n" + strings.Repeat("#", 1<<20-len("name: rose\n"))
	if got := read(t, full); !equal(got, map[string]any{"name": "rose"}) {
		t.Errorf("got %v", got)
	}
	if got := refusal(t, full+"#"); got != "garden.yml: is larger than 1048576 bytes; this is not a garden.yml" {
		t.Errorf("one byte more: %s", got)
	}
	for text, want := range map[string]string{
		"name: rose\n---\nbeds: 3\n":        "garden.yml:2: begins a second document; a garden.yml is one",
		"---\nname: rose\n...\n---\n{}\n":   "garden.yml:4: begins a second document; a garden.yml is one",
		"- rose\n- oak\n":                   `garden.yml:1: want keys and values such as "name: rose", got a list`,
		"# The name.\n\nrose\n":             `garden.yml:3: want keys and values such as "name: rose", got a single value`,
		"'~'\n":                             `garden.yml:1: want keys and values such as "name: rose", got a single value`,
		"\n\n\"name: rose\\nbeds: 3\\n\"\n": `garden.yml:3: want keys and values such as "name: rose", got a single value`,
	} {
		if got := refusal(t, text); got != want {
			t.Errorf("%q: got  %s\nwant %s", text, got, want)
		}
	}
	for _, none := range []string{"", "\n\n", "# name: rose\n", "---\n", "---\n...\n", "~\n", "null # nothing\n", "%YAML 1.1\n---\n", "{}\n"} {
		if got := read(t, none); got == nil || len(got) > 0 {
			t.Errorf("%q is %v", none, got)
		}
	}
}
