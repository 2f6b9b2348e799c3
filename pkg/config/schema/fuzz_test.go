package schema_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/config/schema"
)

// Whatever the bytes are, what is right of them fits the schema, and each problem is one
// line with a place in the file.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{"", "name: rose\nbeds: 3\n", "plants: [oak, !x rose, fern]\n", "a: &a [*a]\n", "'': 1\n", "'a[0': 1\n", "labels: {'a[0]': 1, a.b: 2}\n",
		"? [x]\n: y\n", "<<: {a: b}\n", "pond:\n\tdepth: 1\n", "name: 'rose\n", "name: rose\n---\nbeds: 1\n", "\xff\xfen\x00:\x00", "key: \xf6\n", "beds: 1e999\nshed: {vars: {a: 0o7, b: yes}}\n",
		"name: rose\r\nbeds:\r\n", "pond: {depth: }\nshed: ~\n", "%YAML 3.0\n---\n", "key: !!binary aGk=\n", "plants:\n- fern\n-\n", "name: a: b"} {
		f.Add([]byte(seed))
	}
	s, err := schema.New([]byte(gardenSchema), schema.Options{File: "garden.yml", Program: "Gardener", Sample: "name: rose", YAML11: "shed.vars"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := s.Read("garden.yml", text)
		if r.Source == nil || r.Tree == nil {
			t.Fatalf("Read gave %+v, %v", r, err)
		}
		problems := r.Problems
		if err != nil && !errors.As(err, &problems) {
			t.Fatalf("the error is not a problem of the file: %v", err)
		}
		if err != nil && (len(problems) != 1 || len(r.Problems) > 0) {
			t.Fatalf("the error is %d problems, beside %d others", len(problems), len(r.Problems))
		}
		lines := bytes.Count(text, []byte("\n")) + bytes.Count(text, []byte("\r")) + bytes.Count(text, []byte("\u0085")) +
			bytes.Count(text, []byte("\u2028")) + bytes.Count(text, []byte("\u2029")) + 1
		for i, p := range problems {
			if p.File != "garden.yml" || p.Line < 0 || p.Line > lines || p.Text == "" || err == nil && p.Line == 0 {
				t.Errorf("of %d lines: %+v", lines, p)
			}
			if i > 0 && p.Line < problems[i-1].Line {
				t.Errorf("line %d is after %d", p.Line, problems[i-1].Line)
			}
			if strings.Contains(p.Text, "\n") {
				t.Errorf("more than a line: %q", p.Text)
			}
			if slices.Contains(problems[:i], p) {
				t.Errorf("twice: %v", p)
			}
		}
		if left, err := s.Check(r.Tree); err != nil || len(left) > 0 {
			t.Errorf("what is left does not fit: %v, %v", left, err)
		}
	})
}
