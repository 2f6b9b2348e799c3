package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Answers are what a new perpetual.yml begins with.
type Answers struct {
	Name        string // "ci"; required
	Region      string // "eu-central-1", for an installation on AWS
	DirectorURL string // "https://10.0.0.6:25555", for a director that exists, instead of Region
	Domain      string // "ci.example.com"; optional with Region
	// Client is who deploys on the director of DirectorURL, and CACert who signed its
	// certificate, in PEM; the secret comes from the environment, or is written in later.
	Client, CACert string
}

// Init writes a perpetual.yml with the answers filled in and every other key commented
// out, with its default or an example, and what it is for. Such a key begins with # and
// no space: taking the # away sets it.
func Init(w io.Writer, a Answers) error {
	root, err := rules()
	if err != nil {
		return err
	}
	d := draft{values: map[string]string{"schema": "1", "name": a.Name, "aws.region": a.Region,
		"director.url": a.DirectorURL, "director.client": a.Client, "director.ca_cert": a.CACert, "access.domain": a.Domain}}
	if a.DirectorURL != "" {
		d.skip = func(r *rule) bool { return r.AWS }
		d.leave = "aws"
		d.values["state.dir"] = "./state"
		d.examples = map[string]any{"database.kind": "vm"}
	} else {
		d.skip = func(*rule) bool { return false }
		d.leave = "cloud"
		d.without = []string{"director.url", "director.ca_cert", "director.client", "director.client_secret", "director.deployment"}
	}
	d.printf("# perpetual.yml: what Perpetual installs, and keeps upgraded.\n")
	d.printf("#\n# Keys that begin with # are not set: they keep the value that they had, or get their\n")
	d.printf("# default at the first deploy. null takes a key back to its default. Secrets may also\n")
	d.printf("# come from the environment: PERPETUAL_AUTH_GITHUB_CLIENT_SECRET is\n")
	d.printf("# auth.github.client_secret, and so on. Check with: perpetual config validate\n\n")
	if err := d.section(root, shapeOrder(), "", 0); err != nil {
		return err
	}
	text := d.text.Bytes()
	if _, err := Parse("perpetual.yml", text); err != nil {
		return fmt.Errorf("write perpetual.yml: %w", err)
	}
	_, err = w.Write(text)
	return err
}

// draft is a perpetual.yml that is being written.
type draft struct {
	text    bytes.Buffer
	values  map[string]string // by key, what is set
	skip    func(*rule) bool  // what is of no use here
	leave   string            // a section that is of no use here
	without []string          // keys that are of no use here
	// examples are by key, where the schema's are of no use here.
	examples map[string]any
}

func (d *draft) printf(format string, args ...any) { fmt.Fprintf(&d.text, format, args...) }

// shapeOrder are the keys of the fields, in the order of Config.
func shapeOrder() []string {
	var keys []string
	for _, f := range fields() {
		keys = append(keys, f.key)
	}
	return keys
}

// section writes the keys below key that are in order.
func (d *draft) section(r *rule, order []string, key string, depth int) error {
	seen := map[string]bool{}
	for _, full := range order {
		rest, in := full, true
		if key != "" {
			rest, in = strings.CutPrefix(full, key+".")
		}
		if !in {
			continue
		}
		name, _, _ := strings.Cut(rest, ".")
		at := join(key, name)
		of := r.Properties[name]
		if seen[name] || at == d.leave || d.skip(of) || slices.Contains(d.without, at) || (of.section() && d.unused(order, at)) {
			continue
		}
		seen[name] = true
		if err := d.entry(of, order, at, name, depth); err != nil {
			return err
		}
	}
	return nil
}

// entry writes one key.
func (d *draft) entry(r *rule, order []string, key, name string, depth int) error {
	indent := strings.Repeat("  ", depth)
	if r.section() {
		if depth == 0 {
			d.printf("\n")
		}
		d.comment(r.Description, indent)
		d.printf("%s%s:\n", indent, name)
		return d.section(r, order, key, depth+1)
	}
	d.comment(r.Description+d.standard(r), indent)
	if value := d.values[key]; value != "" {
		text, err := flow(value, r)
		d.printf("%s%s: %s\n", indent, name, text)
		return err
	}
	example := r.example()
	if other, said := d.examples[key]; said {
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
func (d *draft) unused(order []string, key string) bool {
	for i, full := range order {
		if strings.HasPrefix(full, key+".") && !d.skip(fields()[i].rule) && !slices.Contains(d.without, full) {
			return false
		}
	}
	return true
}

// standard says what holds without the key.
func (d *draft) standard(r *rule) string {
	switch {
	case r.LookedUp != "":
		return " Default: " + r.LookedUp + "."
	case r.Immutable && r.Default != nil:
		return " Cannot be changed after the first deploy."
	}
	return ""
}

// example is a value to show: the default, or else the first example.
func (r *rule) example() any {
	if r.Default != nil {
		return r.Default
	}
	if len(r.Examples) > 0 {
		return r.Examples[0]
	}
	return nil
}

// comment writes text in lines of 88 characters.
func (d *draft) comment(text, indent string) {
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
func flow(value any, r *rule) (string, error) {
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
