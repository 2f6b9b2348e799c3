package plain_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/perpetual-ci/perpetual/pkg/plain"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// through writes text in parts of random length and gives what came out.
func through(t *testing.T, w *plain.Writer, out *bytes.Buffer, text string, random *rand.Rand) string {
	t.Helper()
	for rest := []byte(text); len(rest) > 0; {
		n := 1 + random.IntN(min(len(rest), 9))
		if got, err := w.Write(rest[:n]); err != nil || got != n {
			t.Fatalf("Write = %d, %v", got, err)
		}
		rest = rest[n:]
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// FuzzWriter holds that nothing that is not allowed comes through, however the text is
// split over writes; that all of the rest does; and that a second writer changes nothing.
func FuzzWriter(f *testing.F) {
	for _, seed := range []string{
		"\x1b]8;;http://example.com\x1b\\a link\x1b]8;;\x1b\\", "\x1b[?1049h\x1b[2J\x1b[3;1H", "\x9b31m\u009b31m\xc2",
		"a\u202eb\u2066c\u2069\n\r\n\t", "\xe2\x80\xae\xe2\x80\xf0\x9f\x9a\x80", `{"a":"` + "\u202e" + `","b":["` + "\x7f" + `"]}`, "\U000e0041é界",
	} {
		f.Add(seed, uint64(1))
	}
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 1)) // any will do
		var out, again, limited bytes.Buffer
		got := through(t, plain.NewWriter(&out), &out, text, random)
		if i := strings.IndexFunc(got, func(r rune) bool { return !shown(r) }); i >= 0 || !utf8.ValidString(got) {
			t.Fatalf("%q lets %q through", text, got[max(i, 0):])
		}
		if got != plain.Escape(text) {
			t.Errorf("in parts %q becomes %q, and as a whole %q", text, got, plain.Escape(text))
		}
		if second := through(t, plain.NewWriter(&again), &again, got, random); second != got {
			t.Errorf("a second time %q becomes %q", got, second)
		}
		if cut := through(t, plain.NewLineWriter(&limited), &limited, text, random); len(text) < plain.MaxLine/12 && cut != got {
			t.Errorf("short lines become %q, want %q", cut, got)
		}
		if json.Valid([]byte(text)) && utf8.ValidString(text) && !strings.Contains(text, "\r") {
			same(t, text, got)
		}
	})
}

// same wants two texts to be the same JSON.
func same(t *testing.T, a, b string) {
	t.Helper()
	var one, two any
	if err := errors.Join(json.Unmarshal([]byte(a), &one), json.Unmarshal([]byte(b), &two)); err != nil {
		t.Fatal(err)
	}
	first, _ := json.Marshal(one)
	second, _ := json.Marshal(two)
	if !bytes.Equal(first, second) {
		t.Errorf("%s became %s", a, b)
	}
}

func TestLineWriter_cutsLongLines(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) // any will do
	for _, length := range []int{0, plain.MaxLine - 60, plain.MaxLine - 48, plain.MaxLine - 47, plain.MaxLine - 1, plain.MaxLine, plain.MaxLine + 1, 3 * plain.MaxLine} {
		for _, unit := range []string{"x", "é", "界", "🚀", "\u202e"} {
			line := strings.Repeat(unit, length/len(plain.Escape(unit)))
			text := "short\n" + line + "\nshort\n" + line
			var out, again bytes.Buffer
			got := through(t, plain.NewLineWriter(&out), &out, text, random)
			whole := strings.ReplaceAll(text, line, plain.Escape(line))
			if line == "" {
				whole = text
			}
			if len(plain.Escape(line)) <= plain.MaxLine && got != whole {
				t.Fatalf("%d bytes of %q: a line is cut that is not too long", length, unit)
			}
			if len(plain.Escape(line)) > plain.MaxLine && strings.Count(got, " bytes are left out] ") != 2 {
				t.Errorf("%d bytes of %q: nothing says that something is left out", length, unit)
			}
			for l := range strings.Lines(got) {
				if len(strings.TrimSuffix(l, "\n")) > plain.MaxLine || !utf8.ValidString(l) {
					t.Errorf("%d bytes of %q: a line of %d bytes", length, unit, len(l))
				}
			}
			if second := through(t, plain.NewLineWriter(&again), &again, got, random); second != got {
				t.Errorf("%d bytes of %q: what was cut is cut again", length, unit)
			}
		}
	}
}

// Who asks somebody ends the question without a line's end, and lets it go.
func TestWriter_letsGo(t *testing.T) {
	var out bytes.Buffer
	masked := secret.NewWriter(plain.NewLineWriter(&out), secret.New("to gold"))
	_, _ = masked.Write([]byte(strings.Repeat("x", plain.MaxLine-20) + "to go"))
	if err := masked.Flush(); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(out.String(), "xto go") {
		t.Errorf("held back: %d bytes came out, the last are %q", out.Len(), out.String()[out.Len()-9:])
	}
	_, _ = masked.Write([]byte("\xe2\x80"))
	_ = masked.Flush()
	if !strings.HasSuffix(out.String(), "xto go��") {
		t.Errorf("half a character: %q", out.String()[out.Len()-12:])
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no room is left") }

func TestWriter_failsWithTheOneBelow(t *testing.T) {
	w := plain.NewWriter(broken{})
	if _, err := w.Write([]byte("text")); err == nil {
		t.Error("Write has not failed")
	}
	_, _ = w.Write([]byte("\xe2"))
	if err := w.Flush(); err == nil {
		t.Error("Flush has not failed")
	}
}
