package template_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/testkit"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

func TestRenderPipeline_fillsInAsFlyDoes(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		p    template.Pipeline
		want string
	}{
		"instance vars":                         {"a: ((branch))", template.Pipeline{InstanceVars: vars{"branch": "feature/x"}}, "a: feature/x\n"},
		"instance vars over vars over files":    {"[((a)), ((b)), ((c)), ((d))]", template.Pipeline{InstanceVars: vars{"a": 1}, Vars: vars{"a": 2, "b": 2}, VarsFiles: []map[string]any{{"a": 3, "b": 3, "c": 3, "d": 3}, {"c": 4}}}, "[1, 2, 4, 3]"},
		"given over defaults":                   {"[((a)), ((b)), ((c))]", template.Pipeline{VarsFiles: []map[string]any{{"a": 1}}, Defaults: []map[string]any{{"a": 2, "b": 2, "c": 2}, {"c": 3}}}, "[1, 2, 3]"},
		"members":                               {"[((a.b.c)), ((d.e))]", template.Pipeline{InstanceVars: vars{"a": vars{"b": vars{"c": 1}}}, Vars: vars{"d": vars{"e": 2}}}, "[1, 2]"},
		"a name with dots sets a member":        {"[((a.b)), ((a.c))]", template.Pipeline{Vars: vars{"a.b": 1}, InstanceVars: vars{"a": vars{"c": 2}}}, "[1, 2]"},
		"a quoted name with dots":               {`[((foo."bar.baz")), (("a.b"))]`, template.Pipeline{Vars: vars{"foo": vars{"bar.baz": 1}, "a.b": 2}}, "[1, 2]"},
		"var sources are Concourse's":           {"[((vault:a)), ((vault:a.b)), ((.:c))]", template.Pipeline{Vars: vars{"a": 1, "vault": 2, "c": 3}}, "[((vault:a)), ((vault:a.b)), ((.:c))]"},
		"what has no value stays":               {`[((a)), x-((b.c))-y, (("d.e"))]`, template.Pipeline{}, `[((a)), x-((b.c))-y, (("d.e"))]`},
		"a member that the defaults lack stays": {"[((a.b)), ((a.c))]", template.Pipeline{Defaults: []map[string]any{{"a": vars{"b": 1}}}}, "[1, ((a.c))]"},
		"numbers inside texts":                  {"a: v-((n))", template.Pipeline{InstanceVars: vars{"n": json.Number("12345678")}}, "a: v-12345678\n"},
		"false over a file":                     {"a: ((b))", template.Pipeline{Vars: vars{"b": false}, VarsFiles: []map[string]any{{"b": true}}}, "a: false\n"},
		"of old":                                {"a: {{b}}\nc: {{d}}", template.Pipeline{Vars: vars{"b": "x: y", "d": []any{1}}}, "a: 'x: y'\nc:\n- 1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.HasPrefix(c.text, "[") {
				c.text, c.want = "a: "+c.text, "a: "+c.want
			}
			c.p.File = template.File{Name: "p.yml", Text: []byte(c.text)}
			got, err := template.RenderPipeline(c.p)
			if err != nil {
				t.Fatal(err)
			}
			want, err := template.RenderPipeline(template.Pipeline{File: template.File{Text: []byte(c.want)}})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRenderPipeline_refusesWhatFlyRefuses(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for name, c := range map[string]struct {
		text string
		p    template.Pipeline
		want string
	}{
		"a member that a given variable lacks": {"a: ((b.c))", template.Pipeline{Vars: vars{"b": vars{"d": "canary"}}}, "render p.yml: missing field 'c' in var: b.c"},
		"a member of a text":                   {"a: ((b.c))", template.Pipeline{Vars: vars{"b": "canary"}}, "render p.yml: cannot access field 'c' of non-map value ('string') from var: b.c"},
		"a map inside a text":                  {"a: x((b))", template.Pipeline{Vars: vars{"b": vars{"c": "canary"}}}, "render p.yml: cannot interpolate non-primitive value"},
		"no YAML":                              {"a: 1\nb: c: d", template.Pipeline{}, "parse p.yml: yaml: line 2: "},
		"no mapping":                           {"[a]", template.Pipeline{}, "parse p.yml: want a YAML mapping"},
		"an empty name":                        {"a: ((b..c))", template.Pipeline{}, "render p.yml: invalid var 'b..c': empty field"},
		"a name that is none":                  {"a: 1", template.Pipeline{Vars: vars{"a.": "canary"}}, "render p.yml: invalid var 'a.': empty field"},
		"of old, without a value":              {"a: {{b}}\nc: {{d}}", template.Pipeline{}, "render p.yml: 2 errors occurred"},
		"gigabytes":                            {"a: [" + strings.Repeat(`((b."c")), `, 5_000) + "1]", template.Pipeline{Vars: vars{"b": vars{"c": long}}}, "render p.yml: it is too large"},
	} {
		t.Run(name, func(t *testing.T) {
			c.p.File = template.File{Name: "p.yml", Text: []byte(c.text)}
			got, err := template.RenderPipeline(c.p)
			if got != nil || err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "canary") {
				t.Fatalf("rendered %q, error = %v, want %q", got, err, c.want)
			}
			oneLine(t, err)
			if large := name == "gigabytes"; large != errors.Is(err, template.ErrTooLarge) {
				t.Errorf("errors.Is(%v, ErrTooLarge) = %t", err, !large)
			}
		})
	}
}

func TestPipelineVars_readsAsFlyDoes(t *testing.T) {
	got, err := template.PipelineVars(template.File{Name: "v.yml", Text: []byte(
		"a: 2026-01-02\nb: yes\nc: 12345678\nd: {1: x, e.f: [off]}\ng: 1.10\nh: 1\nh: 2\ny: 1\nno: 2\n")})
	if err != nil {
		t.Fatal(err)
	}
	want := vars{"a": "2026-01-02", "b": true, "c": json.Number("12345678"), "d": vars{"1": "x", "e.f": []any{false}}, "g": json.Number("1.1"), "h": json.Number("2"), "y": json.Number("1"), "no": json.Number("2")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("vars (-want +got):\n%s", diff)
	}
	for _, text := range []string{"", "# nothing\n", "~"} {
		if got, err := template.PipelineVars(template.File{Text: []byte(text)}); err != nil || got == nil || len(got) > 0 {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"a: 1\nb: c: d":         "parse v.yml: yaml: line 2: mapping values are not allowed",
		"- canary":              "parse v.yml: line 1: want a YAML mapping of variables",
		"canary":                "parse v.yml: line 1: want a YAML mapping of variables",
		"a: .inf\nb: canary\n":  "parse v.yml: ",
		testkit.Bombs["echoes"]: "parse v.yml: ",
	} {
		_, err := template.PipelineVars(template.File{Name: "v.yml", Text: []byte(text)})
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%.40q: error = %v, want %q", text, err, want)
			continue
		}
		oneLine(t, err)
	}
}
