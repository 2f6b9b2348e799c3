package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// Draft is a new file: every key with what it is for, those with a value set, the
// others commented out with their default or an example.
type Draft struct {
	Head   string            // lines before the first key, each with its #
	Values map[string]string // by key, what is set; no other than texts and numbers
	// Skip says what is of no use in this file.
	Skip func(key string, r *Rule) bool
	// Examples are by key, where the schema's are of no use in this file.
	Examples map[string]any
}

// Write gives the file. A key that is not set begins with # and no space: taking the #
// away sets it.
func (s *Schema) Write(draft Draft) ([]byte, error) {
	w := draftWriter{Draft: draft, keys: s.keys}
	w.printf("%s", draft.Head)
	if err := w.section(s.root, "", 0); err != nil {
		return nil, fmt.Errorf("write %s: %w", s.File, err)
	}
	return w.text.Bytes(), nil
}

// draftWriter is a draft that is being written.
type draftWriter struct {
	Draft
	keys []string
	text bytes.Buffer
}

func (d *draftWriter) printf(format string, args ...any) { fmt.Fprintf(&d.text, format, args...) }

// section writes the keys below key that are of use.
func (d *draftWriter) section(r *Rule, key string, depth int) error {
	seen := map[string]bool{}
	for _, full := range d.keys {
		rest, in := full, true
		if key != "" {
			rest, in = strings.CutPrefix(full, key+".")
		}
		if !in {
			continue
		}
		name, _, _ := strings.Cut(rest, ".")
		at := Join(key, name)
		of := r.Properties[name]
		if seen[name] || d.Skip(at, of) || (of.Section() && d.unused(at, of)) {
			continue
		}
		seen[name] = true
		if err := d.entry(of, at, name, depth); err != nil {
			return err
		}
	}
	return nil
}

// entry writes one key.
func (d *draftWriter) entry(r *Rule, key, name string, depth int) error {
	indent := strings.Repeat("  ", depth)
	if r.Section() {
		if depth == 0 {
			d.printf("\n")
		}
		d.comment(r.Description, indent)
		d.printf("%s%s:\n", indent, name)
		return d.section(r, key, depth+1)
	}
	d.comment(r.Description+r.standard(), indent)
	if value := d.Values[key]; value != "" {
		text, err := flow(value, r)
		d.printf("%s%s: %s\n", indent, name, text)
		return err
	}
	example := r.example()
	if other, said := d.Examples[key]; said {
		example = other
	}
	text, err := flow(example, r)
	for i, line := range strings.Split(text, "\n") {
		if i == 0 {
			line = name + ": " + line
		}
		d.printf("%s#%s\n", indent, line)
	}
	return err
}

// unused says whether nothing of a section would be written.
func (d *draftWriter) unused(key string, r *Rule) bool {
	for name, below := range r.Properties {
		at := Join(key, name)
		if !d.Skip(at, below) && !(below.Section() && d.unused(at, below)) {
			return false
		}
	}
	return true
}

// standard says what holds without the key.
func (r *Rule) standard() string {
	switch {
	case r.LookedUp != "":
		return " Default: " + r.LookedUp + "."
	case r.Immutable && r.Default != nil:
		return " Cannot be changed after the first deploy."
	}
	return ""
}

// comment writes text in lines of 88 characters.
func (d *draftWriter) comment(text, indent string) {
	line := indent + "#"
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > 88 {
			d.printf("%s\n", line)
			line = indent + "#"
		}
		line += " " + word
	}
	d.printf("%s\n", line)
}

// flow is a value as YAML on one line.
func flow(value any, r *Rule) (string, error) {
	if text, isText := value.(string); isText && r.Type == "string" {
		out, err := yaml.Marshal(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Style: style(text)})
		return strings.TrimSpace(string(out)), err
	}
	if text, isText := value.(string); isText { // an answer
		return text, nil
	}
	out, err := json.Marshal(value)
	return strings.NewReplacer(`","`, `", "`, `":"`, `": "`).Replace(string(out)), err
}

// style keeps texts of several lines on one.
func style(text string) yaml.Style {
	if strings.Contains(text, "\n") {
		return yaml.DoubleQuotedStyle
	}
	return 0
}
