package template_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/testkit"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

func digest(t testing.TB, text string) string {
	t.Helper()
	sum, err := template.Digest([]byte(text))
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return sum
}

// TestDigest_tellsValuesApart: no two of these texts say the same.
func TestDigest_tellsValuesApart(t *testing.T) {
	texts := []string{
		"", "{}", "[]", "a: 1", `a: "1"`, "a: 1.0", `a: "1.0"`, "a: 1.5", `a: "1.5"`, "a: true", `a: "true"`, "a: null", `a: "null"`, `a: ""`, "a: []", "a: {}",
		"a: [1]", "a: [[1]]", `a: {"1": 1}`, "a: {1: 1}", "a: {1.0: 1}", "a: {true: 1}", `a: {"true": 1}`, "a: {~: 1}", `a: {"int 1": 1}`, `a: {"string 1": 1}`, `a: {2: 1, "int 1": 1}`, `a: {2: 1, 1: 1}`,
		`a: "float64 1"`, `a: "float64 1.5"`, `a: "time.Time 2026-08-01 00:00:00 +0000 UTC"`, `a: "string x"`, `a: "string 1"`, `a: "int 1"`, "a: 0.1", "a: 0.10000000000000002", "a: .nan", `a: ".nan"`, `a: "float64 NaN"`, "a: .inf", "a: -.inf",
		"a: 9007199254740993", "a: 9007199254740992", "a: 9007199254740993.0", "a: 18446744073709551615", "a: -1", "a: 1_0.5",
		"a: [1, 2]", "a: [2, 1]", "a: [1, 2, 2]", "a: {b: 1}", "a: {c: 1}", "{a: 1, b: 2}", "{a: 2, b: 1}",
		"a: ' x'", "a: 'x '", "a: x", "a: X", "a: |\n  x\n", "a: |\n  x\n  y\n", "a: >\n  x\n  y\n", "a: <x>", `a: "\u2028"`, "a: é", "a: e\u0301", "a: 2026-08-01", `a: "2026-08-01T00:00:00Z"`,
	}
	seen := map[string]string{}
	for _, text := range texts {
		sum := digest(t, text)
		if len(sum) != 64 {
			t.Errorf("digest = %q", sum)
		}
		if other, same := seen[sum]; same {
			t.Errorf("%q and %q have the same digest", other, text)
		}
		seen[sum] = text
	}
}

// TestDigest_doesNotSeeHowATextIsWritten: all of a line say the same.
func TestDigest_doesNotSeeHowATextIsWritten(t *testing.T) {
	for _, texts := range [][]string{
		{"a: 1\nb: 2", "b: 2\na: 1", "{b: 2, a: 1}", "# comment\na: 1 # one\n\n\nb:   2\n", "---\na: 1\nb: 2\n...\n", `{"a": 1, "b": 2}`},
		{"a: x", `a: "x"`, "a: 'x'", "a: !!str x", "a: \"\\x78\""},
		{"a: [1, 2]", "a:\n- 1\n- 2", "a:\n    - 1\n    - 2"},
		{"a: 1.5", "a: 1.50", "a: 15e-1"},
		{"a: 255", "a: 0xff"},
		{"a: null", "a: ~", "a:"},
		{"a: {k: 1}\nb: {k: 1}", "a: &x {k: 1}\nb: *x", "a: &x {k: 1}\nb: {<<: *x}"},
		{"a: {1: 1, 2: 2}", "a: {2: 2, 1: 1}"},
	} {
		want := digest(t, texts[0])
		for _, text := range texts[1:] {
			if digest(t, text) != want {
				t.Errorf("%q and %q have different digests", texts[0], text)
			}
		}
	}
}

// changed is a copy of v in which one value, somewhere, is another.
func changed(rng *rand.Rand, v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := maps.Clone(v)
		keys := slices.Sorted(maps.Keys(v))
		switch {
		case len(keys) == 0 || rng.IntN(4) == 0:
			out["added"] = nil
		case rng.IntN(4) == 0:
			delete(out, keys[0])
		default:
			key := keys[rng.IntN(len(keys))]
			out[key] = changed(rng, v[key])
		}
		return out
	case []any:
		out := slices.Clone(v)
		if len(out) == 0 || rng.IntN(4) == 0 {
			return append(out, nil)
		}
		i := rng.IntN(len(out))
		out[i] = changed(rng, out[i])
		return out
	case string:
		if n, err := strconv.Atoi(v); err == nil && strconv.Itoa(n) == v {
			return n // the text 1 becomes the number 1
		}
		return v + "x"
	case int:
		return strconv.Itoa(v)
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return "something"
}

func TestDigest_isOfTheContent(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		root := map[string]any{"root": testkit.Value(rng, 4), "other": testkit.Value(rng, 4)}
		first, second := testkit.YAML(rng, root, ""), testkit.YAML(rng, root, "")
		if digest(t, first) != digest(t, second) {
			t.Fatalf("different digests of\n%s\nand\n%s", first, second)
		}
		asJSON, err := yaml.Marshal(root)
		if err != nil || digest(t, string(asJSON)) != digest(t, first) {
			t.Fatalf("error = %v, different digests of\n%s\nand\n%s", err, first, asJSON)
		}
		if other := testkit.YAML(rng, changed(rng, root), ""); digest(t, first) == digest(t, other) {
			t.Fatalf("the same digest of\n%s\nand\n%s", first, other)
		}
	}
}

// TestDigest_ofWhatIsRenderedAgain: what is deployed, rendered again with its
// own values, is the same content.
func TestDigest_ofWhatIsRenderedAgain(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 5 {
		for name, in := range bundled(rng) {
			first, err := template.Render(in)
			if err != nil {
				t.Fatal(err)
			}
			again, err := template.Render(template.Template{File: template.File{Name: name, Text: first}, Partial: true})
			if err != nil || digest(t, string(again)) != digest(t, string(first)) {
				t.Fatalf("%s: error = %v, different digests of\n%s\nand\n%s", name, err, first, again)
			}
		}
	}
}

func TestDigest_refusesWhatIsNoYAML(t *testing.T) {
	for _, text := range []string{"a: [", "a:\n\t- b", "? [a]\n: b", "? {a: b}\n: c", "a: *b", "\x00", "a: \xff"} {
		sum, err := template.Digest([]byte(text))
		if sum != "" || err == nil || !strings.HasPrefix(err.Error(), "digest manifest: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: digest = %q, error = %v", text, sum, err)
		}
	}
}
