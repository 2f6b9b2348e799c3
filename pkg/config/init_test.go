package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/config/check"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/testkit"
)

func TestInit_writesAFileThatHolds(t *testing.T) {
	for name, answers := range map[string]config.Answers{
		"aws":      {Name: "ci", Region: "eu-central-1", Domain: "ci.example.com"},
		"director": {Name: "ci", DirectorURL: "https://10.0.0.6:25555", Domain: "ci.example.com", Client: "perpetual"},
	} {
		t.Run(name, func(t *testing.T) {
			var text bytes.Buffer
			if err := config.Init(&text, answers); err != nil {
				t.Fatal(err)
			}
			testkit.Golden(t, "testdata/init-"+name+".yml", text.String())
			c := parse(t, text.String())
			if c.Name != "ci" || c.Access.Domain != "ci.example.com" || len(c.Reset) > 0 {
				t.Errorf("got %+v", c)
			}
			for _, p := range check.Config(config.Defaults(c), time.Now()) {
				if !p.Warning && p.Key != "director.client_secret" { // which may come from the environment
					t.Error(p)
				}
			}
			for i, line := range strings.Split(text.String(), "\n") {
				if len(line) > 130 {
					t.Errorf("line %d is %d characters long", i+1, len(line))
				}
			}
		})
	}
}

func TestInit_writesKeysThatHoldWhenTheyAreSet(t *testing.T) {
	for _, answers := range []config.Answers{{Name: "ci", Region: "eu-central-1"}, {Name: "ci", DirectorURL: "https://10.0.0.6:25555"}} {
		var text bytes.Buffer
		if err := config.Init(&text, answers); err != nil {
			t.Fatal(err)
		}
		_, state, _ := strings.Cut(text.String(), "\nstate:\n") // which Diff leaves out
		off := regexp.MustCompile(`(?m)^( *)#([a-z])`)
		count := len(off.FindAllString(text.String(), -1))
		c := parse(t, off.ReplaceAllString(text.String(), "$1$2"))
		keys := map[string]bool{}
		for _, change := range config.Diff(&config.Config{}, c) {
			keys[change.Key] = true
		}
		if want := count - len(off.FindAllString(state, -1)) + 2; count < 40 || len(keys) != want {
			t.Errorf("%d keys are set, want %d", len(keys), want)
		}
	}
}

func TestInit_refusesAnswersThatAreNone(t *testing.T) {
	for _, answers := range []config.Answers{{Name: "C I", Region: "eu-central-1"}, {Name: "ci\nweb: {disk: 1}"}, {Name: "ci", Region: "a: b"}, {Name: "ci", Region: "eu-central-1", Domain: "https://x"}} {
		var text bytes.Buffer
		if err := config.Init(&text, answers); err == nil || text.Len() > 0 {
			t.Errorf("%+v: %v\n%s", answers, err, text.String())
		}
	}
}

// The table of keys in the documents, between two marks, is as the schema has it; -update
// writes it.
func TestDocuments_listTheKeys(t *testing.T) {
	const page, begin, end = "../docs/configuration.md", "<!-- keys of perpetual.yml -->\n", "<!-- end of keys -->"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, there := strings.Cut(string(text), begin)
	_, after, ends := strings.Cut(rest, end)
	if !there || !ends {
		t.Fatalf("%s has no table of keys between %q and %q", page, begin, end)
	}
	testkit.Golden(t, page, before+begin+keysTable(t)+end+after)
}

// keysTable is the schema as a table in Markdown.
func keysTable(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| key | what it is | default |\n|---|---|---|\n")
	schema := schemaTree(t)
	for _, line := range strings.Split(order(t), "\n") {
		rule := schema
		for _, name := range strings.Split(line, ".") {
			rule = rule["properties"].(map[string]any)[name].(map[string]any)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", line, strings.ReplaceAll(describe(rule), "|", "\\|"), standard(rule))
	}
	return b.String()
}

// order lists the keys in the order of the file.
func order(t *testing.T) string {
	t.Helper()
	var keys []string
	decoder := json.NewDecoder(bytes.NewReader(config.Schema()))
	var walk func(prefix string)
	token := func() json.Token {
		tok, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		return tok
	}
	walk = func(prefix string) { // inside an object that is a rule
		leaf := true
		for decoder.More() {
			if token() != "properties" {
				var skip any
				if err := decoder.Decode(&skip); err != nil {
					t.Fatal(err)
				}
				continue
			}
			leaf = false
			token()
			for decoder.More() {
				name := fmt.Sprint(token())
				token()
				walk(strings.TrimPrefix(prefix+"."+name, "."))
			}
			token()
		}
		token()
		if leaf {
			keys = append(keys, prefix)
		}
	}
	token()
	walk("")
	return strings.Join(keys, "\n")
}

// describe is the description with the choices and what else holds.
func describe(rule map[string]any) string {
	text := fmt.Sprint(rule["description"])
	if rule["x-immutable"] == true {
		text += " Cannot be changed after the first deploy."
	}
	if rule["writeOnly"] == true {
		text += " Secret: in the file or the environment, never a flag."
	}
	return text
}

// standard is the default for people.
func standard(rule map[string]any) string {
	if text, looked := rule["x-looked-up"]; looked {
		return fmt.Sprint(text)
	}
	value, there := rule["default"]
	if !there {
		return ""
	}
	text, _ := json.Marshal(value)
	return "`" + strings.NewReplacer(`","`, `", "`, `\u003e`, ">").Replace(string(text)) + "`"
}
