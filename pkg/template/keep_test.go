package template_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/template"
)

func TestKeep_findsTheValuesOfVariables(t *testing.T) {
	cases := []struct {
		name, tmpl, running string
		want                vars
	}{
		{"a text", "a: ((a))", "a: x", vars{"a": "x"}},
		{"of every kind", "a: ((a))\nb: ((b))\nc: ((c))\nd: ((d))\ne: ((e))", "a: 1\nb: true\nc: 1.5\nd: [x, 1]\ne: {k: {l: 1}}",
			vars{"a": 1, "b": true, "c": 1.5, "d": []any{"x", 1}, "e": vars{"k": vars{"l": 1}}}},
		{"a text that looks like a number", "a: ((a))", `a: "1.10"`, vars{"a": "1.10"}},
		{"an empty text is a value", "a: ((a))", `a: ""`, vars{"a": ""}},
		{"null is none", "a: ((a))", "a: ~", vars{}},
		{"spaces inside the parentheses", "a: (( a ))", "a: 1", vars{"a": 1}},
		{"deep inside", "a: {b: [{c: {d: ((x))}}]}", "a: {b: [{c: {d: 1}}]}", vars{"x": 1}},
		{"a placeholder is a value", "a: ((a))", "a: ((vault:concourse/token))", vars{"a": "((vault:concourse/token))"}},
		{"a part of a text", "a: x-((a))", "a: x-1", vars{"a": "1"}},
		{"a part of a text, which is another one now", "a: x-((a))", "a: y-1", vars{}},
		{"a part of a text that is none any more", "a: x-((a))", "a: 1", vars{}},
		{"an empty part of a text", "a: x-((a))", "a: x-", vars{"a": ""}},
		{"several parts of a text", `a: "http://((host)):((port))/"`, `a: "http://10.0.0.5:80/"`, vars{"host": "10.0.0.5", "port": "80"}},
		{"a part of many lines", `a: "[((a))]"`, `a: "[1\n2]"`, vars{"a": "1\n2"}},
		{"a part of a text that is too long to search", "a: x-((a))\nb: x-((b))", "a: x-" + strings.Repeat("y", 1<<14) + "\nb: x-y", vars{"b": "y"}},
		{"one variable twice in a text", `a: "((a))/((a))"`, "a: x/x", vars{"a": "x"}},
		{"a part, and a whole elsewhere", "a: ((port))\nb: x:((port))", "a: 80\nb: x:80", vars{"port": 80}},
		{"a whole elsewhere helps", "a: ((x))\nb: ((x))((y))", "a: ab\nb: abc", vars{"x": "ab", "y": "c"}},
		{"a part that was a number perhaps, and a new whole one", "a: :((port))\nb: ((port))", `a: ":80"`, vars{}},
		{"a part that was a text, and a new whole one", "a: x-((host))\nb: ((host))", "a: x-ci", vars{"host": "ci"}},
		{"a member", "a: ((tls.certificate))\nb: ((tls.private_key))", "a: C\nb: K", vars{"tls": vars{"certificate": "C", "private_key": "K"}}},
		{"a member of a member", "a: ((a.b.c))\nb: ((a.d))", "a: [1]\nb: 2", vars{"a": vars{"b": vars{"c": []any{1}}, "d": 2}}},
		{"a member, and all of it", "a: ((a.b))\nb: ((a))", "a: 1\nb: {b: 1, c: 2}", vars{"a": vars{"b": 1, "c": 2}}},
		{"a member, and a new whole", "a: ((a.b))\nb: ((a))", "a: 1", vars{}},
		{"a member that is new", "a: ((a.b))\nb: ((a.c))", "a: 1", vars{"a": vars{"b": 1}}},
		{"with a !", "a: ((!a))\nb: x((!b))", "a: 1\nb: x2", vars{"a": 1, "b": "2"}},
		{"with a path", "a: ((/x/y))\nb: ((/x/z.c))", "a: 1\nb: 2", vars{"/x/y": 1, "/x/z": vars{"c": 2}}},
		{"the director's own", "a: ((a))\nb: ((c.certificate))\nc: ((!d))\nvariables: [{name: a}, {name: c}, {name: d}]", "a: ((a))\nb: ((c.certificate))\nc: ((d))", vars{}},
		{"a value for the director's own", "a: ((a))\nvariables: [{name: a}]", "a: x", vars{"a": "x"}},
		{"one that the director fills in and does not make", "a: ((a))\nb: ((c.d))", "a: ((a))\nb: ((c.d))", vars{"a": "((a))", "c": vars{"d": "((c.d))"}}},
		{"a key is none", "((a)): 1", "k: 1", vars{}},
		{"gone from the running document", "a: ((a))\nb: ((b))", "b: 1", vars{"b": 1}},
		{"not a mapping any more", "a: {b: ((x))}", "a: text", vars{}},
		{"not a list any more", "a: [((x))]", "a: {b: 1}", vars{}},
		{"nothing runs", "a: ((a))", "", vars{}},
		{"two places, one value", "a: ((x))\nb: [((x))]", "a: {k: 1}\nb: [{k: 1}]", vars{"x": vars{"k": 1}}},
		{"two places, two values", "a: ((x))\nb: ((x))\nc: ((y))", "a: 1\nb: 2\nc: 3", vars{"y": 3}},
		{"two places, three values", "a: ((x))\nb: ((x))\nc: ((x))", "a: 1\nb: 2\nc: 1", vars{}},
		{"two places, number and text", "a: ((x))\nb: ((x))", "a: 1\nb: '1'", vars{}},
		{"two places, one of them a part of a text", "a: ((x))\nb: q-((x))", "a: 1\nb: q-2", vars{}},
		{"two places, both parts of texts", "a: p-((x))\nb: q-((x))", "a: p-1\nb: q-2", vars{}},
		{"two places, one of them null", "a: ((x))\nb: ((x))", "a: 1\nb: ~", vars{}},
		{"two places, one of them gone", "a: ((x))\nb: ((x))", "a: 1", vars{"x": 1}},
		{"a name that is a YAML 1.1 boolean", "l: [{name: web, n: ((w))}, {name: db, n: ((d))}]", "l: [{name: db, n: 1}, {name: web, n: 2}]", vars{"w": 2, "d": 1}},
		{"by name, others between", "l: [{name: web, n: ((w))}]", "l: [{name: bpm, n: 1}, {name: web, n: 2}]", vars{"w": 2}},
		{"by name, gone", "l: [{name: web, n: ((w))}]", "l: [{name: db, n: 1}]", vars{}},
		{"by alias, though the name is a variable", "l: [{alias: default, name: ((n)), version: ((v))}]", "l: [{alias: default, name: jammy, version: '1.484'}]", vars{"n": "jammy", "v": "1.484"}},
		{"by alias, in another order", "l: [{alias: a, name: ((x))}, {alias: b, name: ((y))}]", "l: [{alias: b, name: B}, {alias: a, name: A}]", vars{"x": "A", "y": "B"}},
		{"steps of a job", "plan: [{get: c, version: ((v))}, {put: d, params: {p: ((p))}}, {task: t, file: ((f))}]",
			"plan: [{task: t, file: F}, {get: x}, {put: d, params: {p: P}}, {get: c, version: V}]", vars{"v": "V", "p": "P", "f": "F"}},
		{"a get is no put of the same name", "plan: [{put: c, version: ((v))}]", "plan: [{get: c, version: V}]", vars{}},
		{"one name twice: in order", "plan: [{put: d, n: ((a))}, {put: d, n: ((b))}]", "plan: [{put: d, n: 1}, {put: d, n: 2}]", vars{"a": 1, "b": 2}},
		{"one name twice, once now: not certain", "plan: [{put: d, n: ((a))}, {put: d, n: ((b))}]", "plan: [{put: d, n: 2}]", vars{}},
		{"one name once, twice now: not certain", "plan: [{put: d, n: ((a))}]", "plan: [{put: d, n: 1}, {put: d, n: 2}]", vars{}},
		{"by position", "l: [((a)), x, ((b))]", "l: [1, y, 2]", vars{"a": 1, "b": 2}},
		{"by position, another length", "l: [((a)), x]", "l: [1, x, 2]", vars{}},
		{"named by a variable: by position", "l: [{name: ((n))}]", "l: [{name: default}]", vars{"n": "default"}},
		{"named by a variable, another length", "l: [{name: ((n))}]", "l: [{name: default}, {name: more}]", vars{}},
		{"anchors", "a: &x {k: ((v))}\nb: *x", "a: {k: 1}\nb: {k: 1}", vars{"v": 1}},
		{"JSON", "a: ((a))", `{"a": {"b": [1]}}`, vars{"a": vars{"b": []any{1}}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, unsure, err := template.Keep([]byte(c.tmpl), []byte(c.running))
			if err != nil {
				t.Fatal(err)
			}
			if two := strings.HasPrefix(c.name, "two places") && len(c.want) < strings.Count(c.tmpl, "((y))")+1; two != slices.Equal(unsure, []string{"x"}) {
				t.Errorf("unsure of %v", unsure)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("vars (-want +got):\n%s", diff)
			}
		})
	}
}

func TestKeep_isNotSureOfWhatMayHaveComeAboutInSeveralWays(t *testing.T) {
	for _, c := range []struct {
		tmpl, running string
		want          vars
		unsure        []string
	}{
		{"a: ((x))-((y))", "a: 1-2-3", vars{}, []string{"x", "y"}},
		{"a: ((x))((y))", "a: ab", vars{}, []string{"x", "y"}},
		{"a: ((x))-((y))\nb: ((y))", "a: 1-2-3\nb: 3", vars{"x": "1-2", "y": 3}, nil},
		{"a: ((x))-((y))-((z))", "a: 1-2-3", vars{"x": "1", "y": "2", "z": "3"}, nil},
		{"a: ((x))-((x))", "a: 1-2", vars{}, []string{"x"}},
		{"a: ((x.k))\nb: ((x))", "a: 1\nb: {k: 2}", vars{"x": vars{"k": 2}}, []string{"x.k"}},
	} {
		got, unsure, err := template.Keep([]byte(c.tmpl), []byte(c.running))
		if err != nil || cmp.Diff(c.want, got) != "" || !slices.Equal(unsure, c.unsure) {
			t.Errorf("%q of %q: kept %v, unsure of %v, error %v; want %v and %v", c.tmpl, c.running, got, unsure, err, c.want, c.unsure)
		}
	}
}

func TestKeep_saysWhichDocumentIsBroken(t *testing.T) {
	for _, c := range []struct{ tmpl, running, want string }{
		{"a: [", "a: 1", "parse the template: yaml: "},
		{"a: 1", "a: [", "parse the running document: yaml: "},
	} {
		got, _, err := template.Keep([]byte(c.tmpl), []byte(c.running))
		if got != nil || err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("vars = %v, error = %v, want %q", got, err, c.want)
		}
	}
}

// TestKeep_givesBackEveryValueOfTheBundledTemplates: what a user gave once need
// not be given again.
func TestKeep_givesBackEveryValueOfTheBundledTemplates(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for range 20 {
		for name, in := range bundled(rng) {
			rendered, err := template.Render(in)
			if err != nil {
				t.Fatal(err)
			}
			got, unsure, err := template.Keep(in.Text, rendered)
			if err != nil || len(unsure) > 0 {
				t.Fatal(unsure, err)
			}
			want := vars{}
			for _, v := range variables(in.Text) {
				want[v] = in.Vars[0][v]
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s (-want +got):\n%s\n%s", name, diff, rendered)
			}
			again, err := template.Render(template.Template{File: in.File, Vars: []vars{got}})
			if err != nil || string(again) != string(rendered) {
				t.Fatalf("%s: rendered from kept values, error = %v:\n%s", name, err, cmp.Diff(string(rendered), string(again)))
			}
		}
	}
}
