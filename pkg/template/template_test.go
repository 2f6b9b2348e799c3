package template_test

import (
	"errors"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pipelines"
	"github.com/perpetual-ci/perpetual/pkg/manifest/bundle"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/testkit"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// of is a template of a text, an ops file per further text.
func of(text string, ops ...string) template.Template {
	t := template.Template{File: template.File{Name: "concourse.yml", Text: []byte(text)}}
	for _, op := range ops {
		t.OpsFiles = append(t.OpsFiles, template.File{Name: "ops/scale.yml", Text: []byte(op)})
	}
	return t
}

// parsed is a YAML text as a value.
func parsed(t testing.TB, text []byte) any {
	t.Helper()
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return value
}

type vars = map[string]any

func TestRender_fillsInAndPatches(t *testing.T) {
	cases := []struct {
		name string
		in   template.Template
		vars []vars
		want string
	}{
		{"a text", of("name: ((name))"), []vars{{"name": "concourse"}}, "name: concourse"},
		{"inside a text", of("url: https://((host)):((port))/"), []vars{{"host": "ci.example.com", "port": 443}}, "url: https://ci.example.com:443/"},
		{"a key", of("((key)): 1"), []vars{{"key": "a"}}, "a: 1"},
		{"a number stays a number", of("instances: ((n))"), []vars{{"n": 3}}, "instances: 3"},
		{"a decimal stays a decimal", of("price: ((n))"), []vars{{"n": 0.25}}, "price: 0.25"},
		{"a text of digits stays a text", of("version: ((v))"), []vars{{"v": "1.10"}}, `version: "1.10"`},
		{"true stays true", of("ssl: ((b))"), []vars{{"b": true}}, "ssl: true"},
		{"the text true stays a text", of("ssl: ((b))"), []vars{{"b": "true"}}, `ssl: "true"`},
		{"a list", of("azs: ((azs))"), []vars{{"azs": []any{"z1", "z2"}}}, "azs: [z1, z2]"},
		{"a map", of("auth: ((auth))"), []vars{{"auth": vars{"local": vars{"users": []any{"admin", vars{"n": 1}}}}}}, "auth: {local: {users: [admin, {n: 1}]}}"},
		{"null", of("x: ((x))"), []vars{{"x": nil}}, "x: null"},
		{"a member of a map", of("x: ((cert.ca))"), []vars{{"cert": vars{"ca": "PEM"}}}, "x: PEM"},
		{"lines", of("key: ((key))"), []vars{{"key": "-----BEGIN\nabc\n-----END\n"}}, "key: |\n  -----BEGIN\n  abc\n  -----END\n"},
		{"a text with quotes and colons", of("x: ((x))"), []vars{{"x": `a: "b" # 'c'`}}, `x: "a: \"b\" # 'c'"`},
		{"later layers win", of("a: ((a))\nb: ((b))"), []vars{{"a": 1, "b": 1}, {"b": 2}, nil}, "a: 1\nb: 2"},
		{"a layer replaces whole values", of("a: ((a))"), []vars{{"a": vars{"x": 1, "y": 1}}, {"a": vars{"x": 2}}}, "a: {x: 2}"},
		{"values that nothing asks for", of("a: 1"), []vars{{"b": 2}}, "a: 1"},
		{"anchors", of("a: &x {k: ((v))}\nb: *x\nc: {<<: *x, m: 1}"), []vars{{"v": 1}}, "a: {k: 1}\nb: {k: 1}\nc: {k: 1, m: 1}"},
		{"replace", of("a: 1", "[{type: replace, path: /a, value: 2}]"), nil, "a: 2"},
		{"add", of("a: 1", "[{type: replace, path: '/b?/c', value: [x]}]"), nil, "a: 1\nb: {c: [x]}"},
		{"append and find by name", of("l: [{name: web}]", "- {type: replace, path: /l/-, value: {name: db}}\n- {type: replace, path: '/l/name=web/n?', value: 2}"), nil, "l: [{name: web, n: 2}, {name: db}]"},
		{"remove", of("a: 1\nb: 2", "[{type: remove, path: /a}]"), nil, "b: 2"},
		{"ops files apply in order", of("a: 1", "[{type: replace, path: '/b?', value: 1}]", "[{type: replace, path: /b, value: 2}]"), nil, "a: 1\nb: 2"},
		{"an ops file brings a variable", of("a: 1", "[{type: replace, path: /a, value: ((a))}]"), []vars{{"a": 7}}, "a: 7"},
		{"an ops file takes the variable away", of("a: ((gone))\nb: 1", "[{type: remove, path: /a}]"), nil, "b: 1"},
		{"an empty ops file", of("a: 1", ""), nil, "a: 1"},
		{"a value that looks like a variable is a value", of("a: ((a))\nb: ((b))"), []vars{{"a": "((b))", "b": "x"}}, "a: ((b))\nb: x"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.in.Vars = c.vars
			got, err := template.Render(c.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(parsed(t, []byte(c.want)), parsed(t, got)); diff != "" {
				t.Errorf("rendered (-want +got):\n%s\n%s", diff, got)
			}
		})
	}
}

func TestRender_partialLeavesWhatHasNoValue(t *testing.T) {
	in := of("a: ((a))\nb: ((b))\nc: x-((b))-((a))\nd: ((vault:path/x.y))")
	in.Partial, in.Vars = true, []vars{{"a": "1"}}
	got, err := template.Render(in)
	if err != nil {
		t.Fatal(err)
	}
	want := "a: \"1\"\nb: ((b))\nc: x-((b))-1\nd: ((vault:path/x.y))"
	if diff := cmp.Diff(parsed(t, []byte(want)), parsed(t, got)); diff != "" {
		t.Errorf("rendered (-want +got):\n%s", diff)
	}
}

func TestRender_leavesItsInputAlone(t *testing.T) {
	layer := vars{"a": vars{"k": []any{"((b))"}}, "b": "x"}
	in := of("a: ((a))\nb: ((b))", "[{type: replace, path: '/c?', value: ((b))}]")
	in.Vars = []vars{layer}
	for range 2 {
		if _, err := template.Render(in); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(vars{"a": vars{"k": []any{"((b))"}}, "b": "x"}, layer); diff != "" {
		t.Errorf("the variables were changed (-want +got):\n%s", diff)
	}
}

func TestRender_refusesWhatCannotBeRendered(t *testing.T) {
	cases := []struct {
		name string
		in   template.Template
		vars vars
		want string
	}{
		{"bad YAML", of("a: [1\nb: ]:"), nil, "parse concourse.yml: yaml: "},
		{"tabs", of("a:\n\t- b"), nil, "parse concourse.yml: yaml: line 2"},
		{"empty", of(""), nil, "parse concourse.yml: want a YAML mapping"},
		{"a list", of("- a"), nil, "parse concourse.yml: want a YAML mapping"},
		{"a text", of("hello"), nil, "parse concourse.yml: want a YAML mapping"},
		{"an unknown anchor", of("a: *b"), nil, "parse concourse.yml: yaml: "},
		{"ops file: bad YAML", of("a: 1", "- {"), nil, "parse ops file ops/scale.yml: yaml: "},
		{"ops file: no list", of("a: 1", "a: 1"), nil, "parse ops file ops/scale.yml: "},
		{"ops file: unknown type", of("a: 1", "[{type: add, path: /a, value: 1}]"), nil, "parse ops file ops/scale.yml: "},
		{"ops file: no path", of("a: 1", "[{type: remove}]"), nil, "parse ops file ops/scale.yml: "},
		{"ops file: path without slash", of("a: 1", "[{type: remove, path: a}]"), nil, "parse ops file ops/scale.yml: "},
		{"ops file: missing key", of("a: 1", "[{type: replace, path: /b/c, value: 1}]"), nil, "apply ops file ops/scale.yml: "},
		{"ops file: missing item", of("l: []", "[{type: replace, path: /l/name=web/x, value: 1}]"), nil, "apply ops file ops/scale.yml: "},
		{"ops file: of no list", of("a: 1", "[{type: replace, path: /a/0, value: 1}]"), nil, "apply ops file ops/scale.yml: "},
		{"ops file replaces everything", of("a: 1", "[{type: replace, path: '', value: 1}]"), nil, "apply ops file ops/scale.yml: its result is not a YAML mapping"},
		{"one variable", of("a: ((a))"), nil, "render concourse.yml: no value for a"},
		{"all variables, sorted, once each", of("c: ((c))\na: [((a)), ((b))]\nd: x((a))y((e))\nf: ((f.g))"), vars{"b": 1}, "render concourse.yml: no value for a, c, e, f"},
		{"a member that is not there", of("x: ((cert.ca))"), vars{"cert": vars{"key": "s3cret-canary"}}, "render concourse.yml: no value for cert.ca"},
		{"an item that the list does not have", of("x: ((a.-3))"), vars{"a": []any{1, "s3cret-canary"}}, "render concourse.yml: "},
		{"a map inside a text", of("x: a-((auth))"), vars{"auth": vars{"password": "s3cret-canary"}}, "render concourse.yml: variable auth is part of a text"},
		{"a decimal inside a text", of("x: a-((n))"), vars{"n": 0.5}, "render concourse.yml: variable n is part of a text"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.in.Vars = []vars{c.vars}
			got, err := template.Render(c.in)
			if got != nil || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("rendered %q, error = %v, want %q", got, err, c.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has more than one line: %q", err)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the error shows a value: %v", err)
			}
			if noValue := strings.Contains(c.want, "no value for"); noValue != errors.Is(err, template.ErrNoValue) {
				t.Errorf("errors.Is(%v, ErrNoValue) = %v", err, !noValue)
			}
		})
	}
}

// bomb is a few lines that stand for a billion values.
func bomb() string {
	var out strings.Builder
	out.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := range 9 {
		ref := strings.Repeat(", *a"+string(rune('0'+i)), 10)[2:]
		out.WriteString("a" + string(rune('1'+i)) + ": &a" + string(rune('1'+i)) + " [" + ref + "]\n")
	}
	return out.String()
}

func TestYAMLBombsAreRefused(t *testing.T) {
	deep := strings.Repeat("[", 20000) + strings.Repeat("]", 20000)
	for _, text := range []string{bomb(), "a: " + deep, "a: " + strings.Repeat("{a: ", 20000)} {
		if _, err := template.Render(of(text)); err == nil {
			t.Errorf("rendered %.40q…", text)
		}
		if _, err := template.Render(of("a: 1", "- {type: replace, path: /a, value: "+deep+"}")); err == nil {
			t.Errorf("applied %.40q…", text)
		}
		if _, err := template.Digest([]byte(text)); err == nil {
			t.Errorf("digested %.40q…", text)
		}
		if _, _, err := template.Keep([]byte(text), []byte("a: 1")); err == nil {
			t.Errorf("kept from %.40q…", text)
		}
		if _, _, err := template.Keep([]byte("a: 1"), []byte(text)); err == nil {
			t.Errorf("kept of %.40q…", text)
		}
	}
}

// TestRender_isTheSameEveryTime has enough keys that the order of a map shows.
func TestRender_isTheSameEveryTime(t *testing.T) {
	var text strings.Builder
	all := vars{}
	for i := range 300 {
		name := "v" + strings.Repeat("x", i%17) + string(rune('a'+i%26)) + strings.Repeat("y", i/26)
		text.WriteString(name + ": ((" + name + "))\n")
		all[name] = "((v" + string(rune('a'+i%26)) + "))" // a value that looks like a variable
	}
	in := of(text.String())
	in.Vars = []vars{all}
	first, err := template.Render(in)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any(all), parsed(t, first)); diff != "" {
		t.Errorf("a value was filled in again (-want +got):\n%s", diff)
	}
	for range 5 {
		if again, err := template.Render(in); err != nil || string(again) != string(first) {
			t.Fatalf("rendered another text, error = %v", err)
		}
	}
}

// bundled are the templates that come with this project, with values for all variables.
func bundled(rng *rand.Rand) map[string]template.Template {
	list := map[string]template.Template{
		"manifest": {File: bundle.Concourse(), Vars: []vars{bundle.ConcourseDefaults()}},
		"pipeline": {File: template.File{Name: "pipeline", Text: pipelines.SelfUpgrade()}, Vars: []vars{pipelines.SelfUpgradeDefaults("8.2.5", "1.3.0")}},
	}
	for name, in := range list {
		layer := vars{}
		maps.Copy(layer, in.Vars[0])
		for _, v := range variables(in.Text) {
			if _, set := layer[v]; !set || rng.IntN(2) == 0 {
				layer[v] = testkit.Value(rng, 2)
			}
		}
		in.Vars = []vars{layer}
		list[name] = in
	}
	return list
}

func TestRender_wantsNoValueForWhatNothingRefersTo(t *testing.T) {
	file := template.File{Name: "m", Text: []byte("variables: [{name: unused, type: password}, {name: used, type: certificate}]\na: ((used.ca))\n")}
	_, err := template.Render(template.Template{File: file})
	if err == nil || !strings.Contains(err.Error(), "no value for used") || strings.Contains(err.Error(), "unused") {
		t.Errorf("error %v, want one about used alone", err)
	}
	text, err := template.Render(template.Template{File: file, Vars: []map[string]any{{"used": map[string]any{"ca": "x"}}}})
	if err != nil || !strings.HasPrefix(string(text), "a: x\n") {
		t.Errorf("%s, %v", text, err)
	}
}

// The section variables is checked also where there is nothing to fill in.
func TestRender_checksTheSectionVariables(t *testing.T) {
	tpl := template.Template{File: template.File{Name: "a.yml", Text: []byte("name: ((name))\nvariables: [1]\n")}, Partial: true}
	_, bare := template.Render(tpl)
	tpl.Vars = []map[string]any{{"other": "x"}}
	if _, given := template.Render(tpl); given == nil || bare == nil || bare.Error() != given.Error() {
		t.Errorf("without variables: %v; with some: %v", bare, given)
	}
}
