package template_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/template"
)

func TestVars_readsAsTheBoshCLIDoes(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       vars
	}{
		{"YAML 1.1 booleans", "a: yes\nb: on\nc: No\nd: off\ne: 'yes'", vars{"a": true, "b": true, "c": false, "d": false, "e": "yes"}},
		{"deep inside", "a: {b: [yes, {c: off}]}", vars{"a": vars{"b": []any{true, vars{"c": false}}}}},
		{"dates are texts", "a: 2012-10-17\nb: [2026-01-02T03:04:05Z]", vars{"a": "2012-10-17", "b": []any{"2026-01-02T03:04:05Z"}}},
		{"the last one of two keys counts", "a: 1\na: 2\nb: {c: 1, c: 2}", vars{"a": 2, "b": vars{"c": 2}}},
		{"YAML 1.1 numbers", "a: 0777\nb: 1_000", vars{"a": 511, "b": 1000}},
		{"keys that are not texts", "a: {1: x, b: z, n: 2}", vars{"a": map[any]any{1: "x", "b": "z", false: 2}}},
		{"a key that looks like a number or a boolean", "1: x\nyes: z\nn: 1", vars{"1": "x", "yes": "z", "n": 1}},
		{"JSON with escapes", `{"a": "\u00fc\u6f22"}`, vars{"a": "ü漢"}},
		{"nothing", "", vars{}},
		{"null", "~", vars{}},
		{"comments only", "# none yet\n", vars{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := template.Vars(template.File{Name: "v.yml", Text: []byte(c.text)})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("vars (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVars_saysWhatIsWrongAndWhere(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"a syntax error":     {"a: 1\nb: [\nc: 2", "parse v.yml: yaml: line 3: "},
		"a tab":              {"a:\n\tb: 1", "parse v.yml: yaml: line 2: "},
		"a list":             {"# x\n- 1", "parse v.yml: line 2: want a YAML mapping of variables"},
		"a text":             {"hunter2", "parse v.yml: line 1: want a YAML mapping of variables"},
		"a key of many keys": {"{a: b}: 1", "parse v.yml: line 1: want a YAML mapping of variables"},
		// As the bosh CLI, which takes JSON for YAML.
		"surrogates in JSON": {`{"a": "\ud83d\ude00"}`, "parse v.yml: yaml: line 1: found invalid Unicode character escape code"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := template.Vars(template.File{Name: "v.yml", Text: []byte(c.text)})
			if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
				t.Fatalf("error = %v, want %q", err, c.want)
			}
			oneLine(t, err)
		})
	}
}

func TestRepeated_namesKeyAndLines(t *testing.T) {
	got := template.Repeated(template.File{Name: "v.yml", Text: []byte(
		"a: 1\nb: &b {c: 1,\n  c: 2}\nd: {<<: *b, c: 3}\n'a': 2\ne: *b\n- [")})
	if got != nil {
		t.Errorf("of a broken file: %q", got)
	}
	got = template.Repeated(template.File{Name: "v.yml", Text: []byte("a: 1\nb: &b {c: 1,\n  c: 2}\nd: {<<: *b, c: 3}\n'a': 2\ne: *b\n")})
	want := []string{
		`v.yml: line 5: duplicate key "a", of which the last one counts; the first is on line 1`,
		`v.yml: line 3: duplicate key "c", of which the last one counts; the first is on line 2`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}

// A value means the same whether it stands in the manifest or comes in by a variable.
func TestRender_readsVarsFilesAndManifestsAlike(t *testing.T) {
	values := "[yes, on, no, 2012-10-17, 0777, '2012-10-17', 'no', 1.10]"
	layer, err := template.Vars(template.File{Name: "v.yml", Text: []byte("v: " + values + "\nd: 2012-10-17")})
	if err != nil {
		t.Fatal(err)
	}
	in := template.Template{File: template.File{Name: "m", Text: []byte("a: ((v))\nb: v ((d)) x")}, Vars: []vars{layer}}
	got, err := template.Render(in)
	if err != nil {
		t.Fatal(err)
	}
	want, err := template.Render(template.Template{File: template.File{Name: "m", Text: []byte("a: " + values + "\nb: v 2012-10-17 x")}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What is deployed was read by the director, or by the bosh CLI before it: by YAML 1.1.
func TestKeep_readsAsTheDirectorDoes(t *testing.T) {
	got, _, err := template.Keep([]byte("a: ((a))\nb: ((b))\nc: ((c))"), []byte("a: no\nb: 2012-10-17\nc: 1\nc: 2"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(vars{"a": false, "b": "2012-10-17", "c": 2}, got); diff != "" {
		t.Errorf("vars (-want +got):\n%s", diff)
	}
}

func TestDecode_intoSeveralFormsIsAsIntoEach(t *testing.T) {
	type form struct {
		Name   string
		Groups []struct{ Name string }
	}
	for _, text := range []string{
		"", "~", "# nothing", "name: a\ngroups: [{name: web}, ~]", "&a {name: x, groups: [*b]}", "base: &b {name: web}\ngroups: [*b, *b]",
		"[a, b]", "text", "name: [a]", "name: a: b", "groups: {name: web}", "1: 2\nyes: no",
	} {
		var once, again any
		var first, second form
		var list map[string]any
		into := template.Decode([]byte(text), &once, &first, &list)
		var each error
		for _, one := range []any{&again, &second, new(map[string]any)} {
			if err := template.Decode([]byte(text), one); err != nil {
				each = err
				break
			}
		}
		if got, want := fmt.Sprint(into), fmt.Sprint(each); got != want {
			t.Errorf("%q: error %s, want %s", text, got, want)
		}
		if diff := cmp.Diff(again, once) + cmp.Diff(second, first); diff != "" {
			t.Errorf("%q (-each +at once):\n%s", text, diff)
		}
	}
}
