package template_test

import (
	"fmt"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/template"
)

// -v tls.certificate=… sets a member and leaves the others, whatever the order in
// which a map is walked.
func TestRender_takesNamesWithDotsForMembers(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		layers []vars
		want   string
	}{
		"a member over a kept one":      {"[((tls.a)), ((tls.b))]", []vars{{"tls": vars{"a": 1, "b": 2}}, {"tls.a": 3}}, "x: [3, 2]"},
		"a member beside all of it":     {"[((tls.a)), ((tls.b))]", []vars{{"tls": vars{"a": 1, "b": 2}, "tls.a": 3}}, "x: [3, 2]"},
		"all of it over a member":       {"[((tls.a))]", []vars{{"tls.a": 3}, {"tls": vars{"a": 1}}}, "x: [1]"},
		"a member over a text":          {"((a.b))", []vars{{"a": "text"}, {"a.b": 1}}, "x: 1"},
		"members three deep":            {"[((a.b.c)), ((a.b.d)), ((a.e))]", []vars{{"a.b.c": 1, "a.b.d": 2, "a.e": 3}}, "x: [1, 2, 3]"},
		"a name that begins with /":     {"((/a/b.c))", []vars{{"/a/b": vars{"c": 1}}}, "x: 1"},
		"an item of a list":             {"((a.0.b))", []vars{{"a": []any{vars{"b": 1}}}}, "x: 1"},
		"a map with other keys in YAML": {"((a.b))", []vars{{"a": map[any]any{1: 2, "b": 3}}}, "x: 3"},
	} {
		t.Run(name, func(t *testing.T) {
			given := fmt.Sprint(c.layers)
			for range 20 {
				in := of("x: " + c.text)
				in.Vars = c.layers
				got, err := template.Render(in)
				if err != nil {
					t.Fatal(err)
				}
				want, err := template.Render(of(c.want))
				if err != nil || string(got) != string(want) {
					t.Fatalf("rendered %s, want %s, %v", got, want, err)
				}
			}
			if got := fmt.Sprint(c.layers); got != given {
				t.Errorf("the layers are %s after it, and were %s", got, given)
			}
		})
	}
}

// A director with a config server fills in what has no value, members included.
func TestRender_partialLeavesMembersThatHaveNoValue(t *testing.T) {
	in := of("a: ((tls.a))\nb: x ((tls.b)) y\nc: ((tls.c.d))")
	in.Vars, in.Partial = []vars{{"tls": vars{"a": 1, "c": vars{}}}}, true
	got, err := template.Render(in)
	if want := "a: 1\nb: x ((tls.b)) y\nc: ((tls.c.d))\n"; err != nil || string(got) != want {
		t.Errorf("rendered %q, %v, want %q", got, err, want)
	}
}
