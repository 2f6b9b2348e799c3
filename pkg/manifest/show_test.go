package manifest_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/difference"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// leavesOf is the director's manifest as a plan shows it.
func leavesOf(t *testing.T, in manifest.Input) []difference.Leaf {
	t.Helper()
	tmpl, err := manifest.Director(in)
	if err != nil {
		t.Fatal(err)
	}
	reader := manifest.Reader(in, tmpl)
	for name := range reader.Vars {
		reader.Transient[name] = strings.HasPrefix(name, manifest.InstallerPrefix)
	}
	text, values, err := manifest.Split(tmpl)
	if err != nil {
		t.Fatal(err)
	}
	reader.Vars = values
	leaves, err := reader.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	return leaves
}

// place is a value of a manifest.
type place struct {
	ops   string // "/releases/name=bosh/url"
	value any
}

// places lists the values of a rendered manifest.
func places(ops string, node any) (list []place) {
	switch v := node.(type) {
	case object:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if strings.ContainsAny(key, "/:") {
				continue // an ops file cannot name it
			}
			list = append(list, places(ops+"/"+key, v[key])...)
		}
	case []any:
		for n, item := range v {
			at := fmt.Sprint(n)
			if m, ok := item.(object); ok && m["name"] != nil {
				at = fmt.Sprintf("name=%s", m["name"])
			}
			list = append(list, places(ops+"/"+at, item)...)
		}
	default:
		list = append(list, place{ops, node})
	}
	return list
}

// another is a value of the same type.
func another(value any) (any, string) {
	switch v := value.(type) {
	case bool:
		return !v, fmt.Sprint(!v)
	case int:
		return v + 4711, fmt.Sprint(v + 4711)
	}
	return "https://canary.example.com/x", "https://canary.example.com/x"
}

// Whatever value of the director's manifest is changed, plan shows the old one and the
// new one; of a secret, that it is another one.
func TestReader_showsEveryValueThatChanges(t *testing.T) {
	in := inputs(t)["everything"]
	tmpl, err := manifest.Director(in)
	if err != nil {
		t.Fatal(err)
	}
	text, values, err := manifest.Split(tmpl)
	if err != nil {
		t.Fatal(err)
	}
	before := leavesOf(t, in)
	hidden, seen := 0, 0
	for _, p := range places("", decoded(t, text)) {
		changed := in
		value, shown := another(p.value)
		changed.User.DirectorOpsFiles = append(slices.Clone(in.User.DirectorOpsFiles), template.File{
			Name: "ops.yml", Text: fmt.Appendf(nil, "- {type: replace, path: %q, value: %v}", p.ops, value),
		})
		lines := difference.Lines(before, leavesOf(t, changed))
		text, was := strings.Join(lines, "\n"), fmt.Sprint(p.value)
		name, variable := strings.CutPrefix(strings.TrimSuffix(was, "))"), "((")
		if given, ok := values[name].(string); ok && variable {
			was = given
		}
		_, isText := values[name].(string)
		switch {
		case strings.HasSuffix(text, ", another value"):
			hidden++
			if len(lines) != 1 || strings.Contains(text, was) && len(was) > 3 {
				t.Errorf("%s: the secret is shown as\n%s", p.ops, text)
			}
		case strings.HasPrefix(name, manifest.InstallerPrefix) && variable: // not shown, as it is of a run
			if !strings.HasPrefix(text, "+ ") || !strings.Contains(text, shown) && !strings.HasSuffix(text, difference.Hidden) {
				t.Errorf("%s: the lines are\n%s", p.ops, text)
			}
		case strings.HasSuffix(p.ops, "/name"), variable && !isText:
			// The whole item has another name, or there was a mapping, a list or nothing.
			if !strings.Contains(text, shown) {
				t.Errorf("%s: the lines are\n%s", p.ops, text)
			}
		case strings.Contains(was, "(("+manifest.InstallerPrefix), strings.Contains(was, "_password"):
			if !strings.Contains(text, shown) {
				t.Errorf("%s: the lines are\n%s", p.ops, text)
			}
		default:
			seen++
			old, after, arrow := strings.Cut(text, " → ")
			was = strings.NewReplacer("((director_ip))", in.Infrastructure.DirectorIP).Replace(was)
			if len(lines) != 1 || !arrow || !strings.HasPrefix(text, "~ ") || !strings.Contains(after, shown) ||
				!strings.Contains(old, was) && !strings.Contains(old, " lines, sha256 ") {
				t.Errorf("%s: %v → %v is shown as\n%s", p.ops, was, value, text)
			}
		}
	}
	if seen < 60 || hidden < 20 {
		t.Errorf("%d values and %d secrets were looked at", seen, hidden)
	}
}

// So it is with each variable of ours that the user gives another value. A variable that
// the user has made up is shown where it is a URL, and hidden where it may be a secret.
func TestReader_showsEveryVariableThatChanges(t *testing.T) {
	in := inputs(t)["everything"]
	tmpl, err := manifest.Director(in)
	if err != nil {
		t.Fatal(err)
	}
	text, values, err := manifest.Split(tmpl)
	if err != nil {
		t.Fatal(err)
	}
	before, seen := leavesOf(t, in), 0
	for _, name := range slices.Sorted(maps.Keys(values)) {
		_, credential := in.Credentials[name]
		old, isText := values[name].(string)
		if credential || !isText || strings.HasPrefix(name, manifest.InstallerPrefix) || !strings.Contains(string(text), "(("+name+"))") {
			continue
		}
		seen++
		changed := in
		changed.User.Vars = append(slices.Clone(in.User.Vars), object{name: "https://canary.example.com/x"})
		lines := strings.Join(difference.Lines(before, leavesOf(t, changed)), "\n")
		if !strings.Contains(lines, old) || !strings.Contains(lines, "https://canary.example.com/x") {
			t.Errorf("manifest.vars.%s, which was %s, is shown as\n%s", name, old, lines)
		}
	}
	if seen < 15 {
		t.Errorf("%d variables were looked at", seen)
	}
	in.User.DirectorOpsFiles = []template.File{{Name: "ops.yml", Text: []byte("- {type: replace, path: \"/x?\", value: {a: \"((mine))\", b: \"((place))\", url: \"((mine))\"}}")}}
	in.User.Vars = []map[string]any{{"mine": "S3CR3T", "place": "https://u:S3CR3T@evil.example.com/x"}}
	lines := strings.Join(difference.Lines(before, leavesOf(t, in)), "\n")
	for _, part := range []string{"+ x/a: (hidden)", "+ x/b: https://(hidden)@evil.example.com/x", "+ x/url: S3CR3T"} {
		if !strings.Contains(lines, part) {
			t.Errorf("no %q in\n%s", part, lines)
		}
	}
}
