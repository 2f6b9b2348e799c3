package template_test

import (
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pipelines"
	"github.com/perpetual-ci/perpetual/pkg/manifest/bundle"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// oneLine fails for an error that would not fit into a build's log line.
func oneLine(t *testing.T, err error) {
	t.Helper()
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("the error has more than one line: %q", err)
	}
}

func FuzzRender(f *testing.F) {
	f.Add("a: ((a))", "[{type: replace, path: /a, value: 1}]", "a", "x", false)
	f.Add("a: {b: [((c.d))]}\nvariables: [{name: a, type: password}]", "[{type: remove, path: '/a/b?'}]", "c", "((c))", true)
	f.Add("((k)): ((k))\n? 1\n: &x [1]\nb: *x", "- {type: test, path: /b/0, value: 1}\n- {path: /l/name=x:next/-}", "k", "", true)
	f.Add(string(bundle.Concourse().Text), "[{type: replace, path: /instance_groups/name=web/instances, value: 2}]", "azs", "z1", true)
	f.Fuzz(func(t *testing.T, text, ops, key, value string, partial bool) {
		in := of(text, ops)
		in.Partial = true
		bare, withNone := template.Render(in)
		in.Vars = []vars{{"of nothing": "x"}}
		if filled, err := template.Render(in); err == nil && (withNone != nil || string(bare) != string(filled)) {
			t.Errorf("without variables it is\n%s, %v, with one that is nowhere\n%s", bare, withNone, filled)
		}
		in.Partial, in.Vars = partial, []vars{{key: value}}
		got, err := template.Render(in)
		if err != nil {
			oneLine(t, err)
			return
		}
		if _, err := template.Render(template.Template{File: template.File{Text: got}, Partial: true}); err != nil {
			t.Errorf("what was rendered cannot be read: %v\n%s", err, got)
		}
	})
}

func FuzzDigest(f *testing.F) {
	f.Add("a: 1\nb: [x, 1.0, true, ~]")
	f.Add("1: {2: 3}\n? 1.5\n: 2026-08-01")
	f.Add("a: &a [1]\nb: *a\n<<: {c: !!binary aGk=}")
	f.Add(string(bundle.Concourse().Text))
	f.Fuzz(func(t *testing.T, text string) {
		sum, err := template.Digest([]byte(text))
		if err != nil {
			oneLine(t, err)
			return
		}
		again, err := template.Digest([]byte("# comment\n" + text))
		if err == nil && again != sum && !strings.HasPrefix(text, "%") && !strings.HasPrefix(text, "\ufeff") {
			t.Errorf("a comment changes the digest of %q", text)
		}
	})
}

func FuzzKeep(f *testing.F) {
	f.Add("a: ((a))\nl: [{name: x, v: ((v))}, ((w))]", "a: 1\nl: [{name: x, v: 2}, 3]")
	f.Add("l: [{alias: x, name: ((n))}, {get: g}, {get: g, v: ((v))}]", "l: [{alias: x, name: ~}, {get: g}, {get: g, v: [1]}]")
	f.Add(string(pipelines.SelfUpgrade()), string(pipelines.SelfUpgrade()))
	f.Fuzz(func(t *testing.T, tmpl, running string) {
		kept, unsure, err := template.Keep([]byte(tmpl), []byte(running))
		if err != nil {
			oneLine(t, err)
			return
		}
		for _, name := range unsure {
			if _, both := kept[name]; both {
				t.Errorf("kept %q, and is unsure of it", name)
			}
		}
		for name, value := range kept {
			if name == "" || value == nil {
				t.Errorf("kept %q = %v", name, value)
			}
			if _, err := yaml.Marshal(value); err != nil {
				t.Errorf("kept %q = %v, which cannot be written: %v", name, value, err)
			}
		}
		if len(kept) > 0 && !strings.Contains(tmpl, "((") && !strings.Contains(tmpl, `\`) {
			t.Errorf("kept %v of a template without variables", kept)
		}
	})
}
