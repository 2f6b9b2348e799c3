package template_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/deployment"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/testkit"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// allocates gives how many MiB do allocates in all, freed or not. A bomb that goes
// off has no end: then the test has one.
func allocates(t *testing.T, do func()) uint64 {
	t.Helper()
	var before, after runtime.MemStats
	done := make(chan struct{})
	runtime.ReadMemStats(&before)
	go func() { defer close(done); do() }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("it is not done after a minute")
	}
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) >> 20
}

// mostMemory is what reading any text may allocate, in MiB: the decoders' own
// limit lets some hundred thousand nodes through.
const mostMemory = 256

func TestBombs_areRefusedBeforeTheyGoOff(t *testing.T) {
	for name, bomb := range testkit.Bombs {
		for what, try := range map[string]func() error{
			"manifest": func() error { _, err := template.Render(of(bomb)); return err },
			"ops file": func() error {
				op := "- type: replace\n  path: /x?\n  value:\n    " + strings.ReplaceAll(bomb, "\n", "\n    ")
				_, err := template.Render(of("name: c", op))
				return err
			},
			"digest": func() error { _, err := template.Digest([]byte(bomb)); return err },
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				var err error
				if n := allocates(t, func() { err = try() }); n > mostMemory {
					t.Errorf("it allocates %d MiB for a text of %d bytes", n, len(bomb))
				}
				if err == nil {
					t.Error("it was taken")
				} else {
					oneLine(t, err)
				}
			})
		}
	}
}

// Keep and Parse write nothing out, so that a bomb is at most slow for them.
func TestBombs_costOthersLittle(t *testing.T) {
	for name, bomb := range testkit.Bombs {
		t.Run(name, func(t *testing.T) {
			n := allocates(t, func() {
				_, _, _ = template.Keep([]byte(bomb), []byte(bomb))
				_, _ = deployment.Parse(template.File{Text: []byte(bomb)})
			})
			if n > mostMemory {
				t.Errorf("they allocate %d MiB", n)
			}
		})
	}
}

// doubling gives variables of which each holds the next one twice, and a text in
// which the template engine replaces them one after the other.
func doubling(n int) (text string, values vars) {
	values = vars{}
	for i := range n {
		name := fmt.Sprintf("((v%d))", i+1)
		values[fmt.Sprintf("v%d", i)] = name + name
		text += fmt.Sprintf("((v%d))", i)
	}
	return "name: c\nx: \"" + text + "\"\n", values
}

func TestRender_refusesVariablesThatFillGigabytes(t *testing.T) {
	doubled, doubles := doubling(60)
	long := strings.Repeat("x", 1<<20)
	for name, c := range map[string]struct {
		text string
		vars vars
	}{
		"each holds the next one twice": {doubled, doubles},
		"a long one in many places":     {"name: c\nx: [" + strings.Repeat("((a)), ", 5_000) + "1]\n", vars{"a": long}},
		"a long one in one text":        {"name: c\nx: \"" + strings.Repeat("((a))", 5_000) + "\"\n", vars{"a": long}},
		"a member in many places":       {"name: c\nx: [" + strings.Repeat("((a.b)), ", 5_000) + "1]\n", vars{"a": vars{"b": long}}},
		"a list in many places":         {"name: c\nx: [" + strings.Repeat("((a)), ", 5_000) + "1]\n", vars{"a": []any{long, vars{long: 1}}}},
		"many in one text":              {"name: c\nx: \"" + strings.Repeat("((a)) ", 100_000) + "\"\n", vars{"a": "x"}},
		"a deep place for many lines":   {"name: c\nx: " + strings.Repeat("[", 4_000) + "((a))" + strings.Repeat("]", 4_000), vars{"a": strings.Repeat("x\n", 100_000)}},
		"many lines in a deep place":    {"name: c\nx: " + strings.Repeat("[", 4_000) + strings.Repeat("1, ", 100_000) + strings.Repeat("]", 4_000), nil},
	} {
		t.Run(name, func(t *testing.T) {
			in := of(c.text)
			in.Vars = []vars{c.vars}
			var err error
			if n := allocates(t, func() { _, err = template.Render(in) }); n > mostMemory {
				t.Errorf("it allocates %d MiB", n)
			}
			if !errors.Is(err, template.ErrTooLarge) {
				t.Errorf("error %v, want ErrTooLarge", err)
			}
		})
	}
}

func TestRender_takesWhatIsOnlyLarge(t *testing.T) {
	in := of("name: c\nx: [" + strings.Repeat("{name: a, value: ((a))}, ", 80_000) + "1]\n")
	in.Vars = []vars{{"a": "a value"}}
	if got, err := template.Render(in); err != nil || len(got) < 2_000_000 {
		t.Errorf("a manifest of %d bytes: %d bytes, %v", len(in.Text), len(got), err)
	}
	key := strings.Repeat("MIIEpAIBAAKCAQEA\n", 100)
	in = of("name: c\nx: [" + strings.Repeat("((cert.private_key)), ", 1_000) + "1]\n")
	in.Vars = []vars{{"cert": vars{"private_key": key, "ca": key, "certificate": key}}}
	if _, err := template.Render(in); err != nil {
		t.Errorf("a key in 1,000 places: %v", err)
	}
	if _, err := template.Render(of(strings.Repeat("#", template.MaxText+1))); !errors.Is(err, template.ErrTooLarge) {
		t.Errorf("a text over the limit: %v", err)
	}
	if _, err := template.Render(of("a: 1", strings.Repeat("#", template.MaxText+1))); !errors.Is(err, template.ErrTooLarge) {
		t.Errorf("an ops file over the limit: %v", err)
	}
}
