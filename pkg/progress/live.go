package progress

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
)

// nameWidth is the column in which the names of steps stand: that of
// "infrastructure", the longest.
const nameWidth = 14

// The control sequences in use; every terminal since the VT100 knows them.
const (
	clearBelow = "\x1b[J"
	cursorUp   = "\x1b[%dA"
	reset      = "\x1b[0m"
	green      = "\x1b[32m"
	red        = "\x1b[31m"
	faint      = "\x1b[2m"
)

// live shows steps that have ended above, and those under way below, in lines
// that are drawn again and again.
//
// What is drawn ends with a carriage return: a writer that masks credentials
// holds text back as long as it may be the beginning of one.
type live struct {
	out     io.Writer
	brief   bool
	color   bool
	width   func() int
	drawn   int // lines that stand below
	spinner int
}

// frames are what the sign before a running step goes through.
var frames = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

func (l *live) begin(time.Time, *step) {}
func (l *live) note(time.Time, *step)  {}

func (l *live) stray(now time.Time, name, line string) { l.say(now, name+": "+line) }

// end writes a line that stays, in place of the running ones.
func (l *live) end(_ time.Time, s *step, o bootstrap.Outcome) {
	if l.brief && o.Status != bootstrap.Failed {
		return
	}
	sign, color := signOf(o.Status)
	line := l.paint(color, string(sign)) + " " + padded(s.name) + "  " + describe(o)
	if took := Duration(o.Took); took != "" {
		line += "  " + l.paint(faint, took)
	}
	l.write(line + "\n")
}

func (l *live) say(_ time.Time, line string) { l.write(l.paint(faint, "!") + " " + line + "\n") }

func (l *live) fail(_ time.Time, line string) {
	l.write(l.paint(red, "error:") + " " + line + "\n")
}

// draw shows the running steps.
func (l *live) draw(now time.Time, running []*step) {
	l.spinner = (l.spinner + 1) % len(frames)
	lines := make([]string, len(running))
	for i, s := range running {
		lines[i] = l.line(now, s)
	}
	drawn := len(lines)
	if l.drawn == 0 && drawn == 0 {
		return
	}
	l.write(strings.Join(lines, "\n"))
	if drawn > 0 {
		_, _ = io.WriteString(l.out, "\r")
	}
	l.drawn = drawn
}

// line is one running step, cut to the terminal: a line that wraps could not be
// taken back.
func (l *live) line(now time.Time, s *step) string {
	columns := 80
	if l.width != nil {
		if n := l.width(); n > 0 {
			columns = n
		}
	}
	took := Duration(now.Sub(s.since))
	if took == "" {
		took = "0s"
	}
	head := string(frames[l.spinner]) + " " + padded(s.name) + "  "
	room := columns - 1 - utf8.RuneCountInString(head) - len(took) - 2
	note := cut(s.note, room)
	if note != "" {
		note += "  "
	}
	return cut(head+note, columns-1-len(took)) + l.paint(faint, took)
}

// write takes the running lines away and writes text where they were.
func (l *live) write(text string) {
	erase := ""
	if l.drawn > 0 {
		if l.drawn > 1 {
			erase = fmt.Sprintf(cursorUp, l.drawn-1)
		}
		erase += "\r" + clearBelow
	}
	l.drawn = 0
	_, _ = io.WriteString(l.out, erase+text)
}

func (l *live) paint(color, text string) string {
	if !l.color || color == "" {
		return text
	}
	return color + text + reset
}

// signOf is the sign before a step that has ended.
func signOf(s bootstrap.Status) (sign rune, color string) {
	switch s {
	case bootstrap.Changed:
		return '✓', green
	case bootstrap.Failed:
		return '✗', red
	}
	return '·', faint
}

// describe says in words how a step has ended. Why one has failed is the error
// with which the run ends.
func describe(o bootstrap.Outcome) string {
	switch {
	case o.Report == "", o.Status == bootstrap.Failed:
		return string(o.Status)
	case o.Status == bootstrap.Changed, strings.HasPrefix(o.Report, string(o.Status)):
		return o.Report
	}
	return string(o.Status) + ": " + o.Report
}

// padded fills a name up to its column.
func padded(name string) string { return fmt.Sprintf("%-*s", nameWidth, name) }

// cut shortens text to n runes.
func cut(text string, n int) string {
	if n <= 0 {
		return ""
	}
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}

// Duration is a time as people read it, "3m12s"; that of less than a second is "".
func Duration(d time.Duration) string {
	if d < time.Second {
		return ""
	}
	return d.Truncate(time.Second).String()
}
