package progress_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/progress"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/testkit"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// terminal shows what is written to it as one does that wraps lines again when its
// width changes. It knows the control sequences that are in use and no other.
type terminal struct {
	t       *testing.T
	columns int
	lines   [][]rune // as they were ended, however many rows they take
	line    int      // of the cursor
	column  int      // in that line
	pending []byte   // the beginning of a sequence or of a character
}

func newTerminal(t *testing.T, columns int) *terminal {
	return &terminal{t: t, columns: columns, lines: [][]rune{nil}}
}

// Write implements io.Writer.
func (s *terminal) Write(p []byte) (int, error) {
	s.pending = append(s.pending, p...)
	for len(s.pending) > 0 {
		if s.pending[0] == '\x1b' {
			end := bytes.IndexFunc(s.pending[min(2, len(s.pending)):], func(r rune) bool { return r >= '@' && r <= '~' })
			if len(s.pending) < 3 || end < 0 {
				break
			}
			s.control(string(s.pending[2:2+end]), s.pending[2+end])
			s.pending = s.pending[3+end:]
			continue
		}
		if !utf8.FullRune(s.pending) {
			break
		}
		r, size := utf8.DecodeRune(s.pending)
		s.pending = s.pending[size:]
		s.put(r)
	}
	return len(p), nil
}

func (s *terminal) control(number string, what byte) {
	switch what {
	case 'J':
		// What is right of and below the cursor's row goes, whatever line it is of.
		s.lines[s.line] = s.lines[s.line][:min(s.column, len(s.lines[s.line]))]
		s.lines = s.lines[:s.line+1]
	case 'A':
		n := 0
		_, _ = fmt.Sscan(number, &n)
		for range n {
			s.up()
		}
	case 'm':
	default:
		s.t.Errorf("unknown control sequence ESC[%s%c", number, what)
	}
}

// up moves the cursor by a row, of which a line has several.
func (s *terminal) up() {
	switch {
	case s.column >= s.columns:
		s.column -= s.columns
	case s.line > 0:
		s.line--
		s.column += (s.rows(s.line) - 1) * s.columns
	}
}

func (s *terminal) rows(line int) int { return max(1, (len(s.lines[line])+s.columns-1)/s.columns) }

func (s *terminal) put(r rune) {
	switch r {
	case '\r':
		s.column -= s.column % s.columns
	case '\n':
		// The column stays in a raw terminal; a program's output is processed.
		s.line++
		s.column = 0
		if s.line == len(s.lines) {
			s.lines = append(s.lines, nil)
		}
	default:
		for len(s.lines[s.line]) <= s.column {
			s.lines[s.line] = append(s.lines[s.line], ' ')
		}
		s.lines[s.line][s.column] = r
		s.column++
	}
}

// text is what stands on the terminal.
func (s *terminal) text() string {
	var b strings.Builder
	for _, line := range s.lines {
		b.WriteString(strings.TrimRight(string(line), " ") + "\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// What a command prints on stdout comes after the live lines, on the same terminal.
func TestLive_leavesNothingBehindThatAMaskingWriterHoldsBack(t *testing.T) {
	for _, value := range []string{"Jumbled-and-long", "\x1b[Jumbled", "[J-password", "\r-and-more", "\n-and-more", "gJ-secret"} {
		screen := newTerminal(t, 80)
		masked := secret.NewWriter(screen, secret.New(value))
		c := newClock()
		d := progress.New(progress.Options{Out: masked, Format: progress.Live, Brief: true, Now: c.Now, Ticks: make(chan time.Time)})
		d.Begin("account")
		d.Note("account", "asking")
		d.End("account", step.Outcome{Status: step.UpToDate})
		d.Begin("state")
		d.Close()
		_, _ = screen.Write([]byte("Just a plan, in two\nlines.\n"))
		_ = masked.Flush()
		if got, want := screen.text(), "Just a plan, in two\nlines.\n"; got != want {
			t.Errorf("with %q as a secret the terminal shows %q, want %q", value, got, want)
		}
	}
}

func TestLive_everyFrameIsWholeOnTheTerminal(t *testing.T) {
	screen := newTerminal(t, 80)
	masked := secret.NewWriter(screen, secret.New("stemcell-and-more"), secret.New("uploaded\r\n-and-more"), secret.New("1s\r-and-more"))
	c := newClock()
	d := progress.New(progress.Options{Out: masked, Format: progress.Live, Now: c.Now, Ticks: make(chan time.Time)})
	d.Begin("deploy")
	c.pass(time.Second)
	d.Note("deploy", "uploading the stemcell")
	if got := screen.text(); !strings.HasSuffix(got, "deploy          uploading the stemcell  1s\n") {
		t.Errorf("the terminal shows %q", got)
	}
	d.End("deploy", step.Outcome{Status: step.Changed, Report: "uploaded"})
	if got := screen.text(); !strings.HasSuffix(got, "✓ deploy          uploaded\n") {
		t.Errorf("the terminal shows %q", got)
	}
	d.Close()
}

// A terminal that becomes narrower breaks what stands on it into more rows.
func TestLive_leavesNoStaleLinesWhenTheTerminalChanges(t *testing.T) {
	long := strings.Repeat("long ", 20)
	for _, widths := range [][]int{{80, 30}, {80, 79}, {80, 40, 20}, {60, 33, 100}, {30, 80}, {40, 12, 11, 90}} {
		for running := 1; running <= 3; running++ {
			screen := newTerminal(t, widths[0])
			c, ticks := newClock(), make(chan time.Time)
			d := progress.New(progress.Options{
				Out: screen, Format: progress.Live, Now: c.Now, Ticks: ticks, Width: func() int { return screen.columns },
			})
			d.Begin("account")
			d.End("account", step.Outcome{Status: step.UpToDate})
			for i := range running {
				d.Begin(fmt.Sprintf("step-%d", i))
				d.Note(fmt.Sprintf("step-%d", i), long)
			}
			for _, columns := range widths[1:] {
				screen.columns = columns
				d.Note("step-0", long)
				if got := strings.Count(screen.text(), "\n"); got != running+1 {
					t.Errorf("%v, %d steps: %d lines:\n%s", widths, running, got, screen.text())
				}
			}
			d.Close()
			if got, want := screen.text(), "· account         up to date\n"; got != want {
				t.Errorf("%v, %d steps: in the end the terminal shows\n%swant\n%s", widths, running, got, want)
			}
		}
	}
}

// Characters of East Asia take two columns, and accents of their own none.
func TestLive_countsColumns(t *testing.T) {
	for _, note := range []string{strings.Repeat("界", 50), strings.Repeat("e\u0301", 100), strings.Repeat("🚀", 50)} {
		var out bytes.Buffer
		c := newClock()
		d := progress.New(progress.Options{Out: &out, Format: progress.Live, Now: c.Now, Ticks: make(chan time.Time), Width: func() int { return 60 }})
		d.Begin("director")
		d.Note("director", note)
		frames := strings.Split(strings.TrimSuffix(out.String(), "\r"), "\r")
		last := strings.TrimPrefix(frames[len(frames)-1], "\x1b[J")
		columns := 0
		for _, r := range last {
			switch {
			case r == '\u0301':
			case r == '界', r == '🚀':
				columns += 2
			default:
				columns++
			}
		}
		if columns > 59 || columns < 57 {
			t.Errorf("%d columns of 60 are used by %q", columns, last)
		}
		d.Close()
	}
}

func TestDisplay_isASCIIWhereNothingElseIsShown(t *testing.T) {
	for name, o := range map[string]progress.Options{
		"plain-ascii": {},
		"live-ascii":  {Format: progress.Live, Color: true},
		"brief":       {Format: progress.Live, Brief: true, Width: func() int { return 30 }},
	} {
		var out bytes.Buffer
		c := newClock()
		o.Out, o.Now, o.Ticks, o.ASCII = &out, c.Now, make(chan time.Time), true
		d := progress.New(o)
		d.Begin("pipeline")
		d.Note("pipeline", "8.2.5 → 8.3.0, 2 × m6a.xlarge in team “Straße”, asking …")
		install(d, c)
		d.Note("x", "→")
		d.Fail("pipeline: 8.2.5 → 8.3.0")
		for _, r := range out.String() {
			if r >= utf8.RuneSelf {
				t.Errorf("%s: %q in %q", name, r, out.String())
				break
			}
		}
		if name != "brief" {
			testkit.Golden(t, "testdata/"+name+".golden", readable(out.String()))
		}
	}
}

// What others wrote moves no cursor and colours nothing, also with the sequences that the
// display uses itself.
func TestDisplay_obeysNobodyElse(t *testing.T) {
	const foreign = "a\x1b[2Ab\x1b[Jc\rd\x1b[31me\x1b[0mf\u009b2Jg\u202eh\x1b]0;i\x07j\x08k"
	const shown = `a\u001b[2Ab\u001b[Jc d\u001b[31me\u001b[0mf\u009b2Jg\u202eh\u001b]0;i\u0007j\u0008k`
	for name, o := range map[string]progress.Options{"live": {Format: progress.Live, Color: true}, "plain": {}, "JSON": {Format: progress.JSON}} {
		var out bytes.Buffer
		c := newClock()
		o.Out, o.Now, o.Ticks, o.Width = &out, c.Now, make(chan time.Time), func() int { return 400 }
		d := progress.New(o)
		d.Begin("director")
		d.Note("director", "note "+foreign)
		d.Note("nobody", "stray "+foreign)
		d.Say("said " + foreign)
		d.End("director", step.Outcome{Status: step.Changed, Report: "ended " + foreign})
		d.Close()
		d.Fail("failed " + foreign)
		got := out.String()
		for _, text := range []string{"note ", "stray ", "said ", "ended ", "failed "} {
			want := text + shown
			if o.Format == progress.JSON {
				want = strings.ReplaceAll(want, `\`, `\\`)
			}
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q is not in %q", name, want, got)
			}
			got = strings.ReplaceAll(got, want, "")
		}
		for _, own := range []string{"\x1b[J", "\x1b[0m", "\x1b[31m", "\x1b[32m", "\x1b[2m", "\r"} {
			if o.Format == progress.Live {
				got = strings.ReplaceAll(got, own, "")
			}
		}
		if strings.ContainsFunc(got, func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r == '\u202e' }) {
			t.Errorf("%s: something is left of it: %q", name, got)
		}
	}
}

// On a terminal nothing masks behind the display.
func TestDisplay_masksWhatIsSecret(t *testing.T) {
	const value = "line one of a key\nline\x1b two of it"
	mask := secret.NewWriter(nil, secret.New(value)).Mask
	for _, format := range []progress.Format{progress.Plain, progress.Live, progress.JSON} {
		var out bytes.Buffer
		c := newClock()
		d := progress.New(progress.Options{Out: &out, Format: format, Mask: mask, Now: c.Now, Ticks: make(chan time.Time), Width: func() int { return 200 }})
		d.Begin("director")
		d.Note("director", "note "+value)
		d.Note("nobody", "stray "+value)
		d.Say("said " + value)
		d.End("director", step.Outcome{Status: step.Changed, Report: "ended " + value})
		d.Close()
		d.Fail("failed " + strings.Repeat("x", 7<<10) + value)
		if n := strings.Count(out.String(), secret.Redacted); n < 5 || strings.Contains(out.String(), "two of it") || strings.Contains(out.String(), "one of a key") {
			t.Errorf("format %d: masked %d times:\n%s", format, n, out.String())
		}
	}
}
