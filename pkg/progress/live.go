package progress

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
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
// What is drawn ends with a carriage return, so that whatever somebody else writes
// begins at the left.
type live struct {
	out     io.Writer
	brief   bool
	color   bool
	signs   signs
	width   func() int
	drawn   []int // columns of the lines that stand below
	spinner int
}

// signs are what stands before steps.
type signs struct {
	changed, failed, other string
	frames                 []string // that the sign of a running step goes through
	more                   string   // behind text that is cut
}

var (
	unicodeSigns = signs{"✓", "✗", "·", strings.Split("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", ""), "…"}
	asciiSigns   = signs{"+", "x", "-", strings.Split(`|/-\`, ""), "..."}
)

func (l *live) begin(time.Time, *begun) {}
func (l *live) note(time.Time, *begun)  {}

func (l *live) stray(now time.Time, name, line string) { l.say(now, name+": "+line) }

// end writes a line that stays, in place of the running ones.
func (l *live) end(_ time.Time, s *begun, o step.Outcome) {
	if l.brief && o.Status != step.Failed {
		return
	}
	sign, color := l.signs.of(o.Status)
	line := l.paint(color, sign) + " " + padded(s.name) + "  " + describe(o)
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
func (l *live) draw(now time.Time, running []*begun) {
	l.spinner = (l.spinner + 1) % len(l.signs.frames)
	if len(l.drawn) == 0 && len(running) == 0 {
		return
	}
	columns := l.columns()
	lines, widths := make([]string, len(running)), make([]int, len(running))
	for i, s := range running {
		lines[i], widths[i] = l.line(now, s, columns)
	}
	text := strings.Join(lines, "\n")
	if len(lines) > 0 {
		text += "\r"
	}
	l.write(text)
	l.drawn = widths
}

// columns is how wide the terminal is now.
func (l *live) columns() int {
	if l.width != nil {
		if n := l.width(); n > 0 {
			return n
		}
	}
	return 80
}

// line is one running step, cut to the terminal: a line that wraps could not be
// taken back. With it goes how many columns it takes.
func (l *live) line(now time.Time, s *begun, columns int) (text string, width int) {
	took := Duration(now.Sub(s.since))
	if took == "" {
		took = "0s"
	}
	head := l.signs.frames[l.spinner] + " " + padded(s.name) + "  "
	room := columns - 1 - wide.StringWidth(head) - len(took) - 2
	note := l.cut(s.note, room)
	if note != "" {
		note += "  "
	}
	text = l.cut(head+note, columns-1-len(took))
	return text + l.paint(faint, took), wide.StringWidth(text) + len(took)
}

// write takes the running lines away and writes text where they were.
func (l *live) write(text string) {
	erase := ""
	if len(l.drawn) > 0 {
		if up := l.rowsAbove(); up > 0 {
			erase = fmt.Sprintf(cursorUp, up)
		}
		erase += "\r" + clearBelow
	}
	l.drawn = nil
	_, _ = io.WriteString(l.out, erase+text)
}

// rowsAbove is how many rows the running lines above the last one take now: a
// terminal that has become narrower since has broken them.
func (l *live) rowsAbove() int {
	columns, rows := l.columns(), 0
	for _, width := range l.drawn[:len(l.drawn)-1] {
		rows += max(1, (width+columns-1)/columns)
	}
	return rows
}

func (l *live) paint(color, text string) string {
	if !l.color || color == "" {
		return text
	}
	return color + text + reset
}

// of is the sign before a step that has ended.
func (s signs) of(status step.Status) (sign, color string) {
	switch status {
	case step.Changed:
		return s.changed, green
	case step.Failed:
		return s.failed, red
	}
	return s.other, faint
}

// describe says in words how a step has ended. Why one has failed is the error
// with which the run ends.
func describe(o step.Outcome) string {
	switch {
	case o.Report == "", o.Status == step.Failed:
		return string(o.Status)
	case o.Status == step.Changed, strings.HasPrefix(o.Report, string(o.Status)):
		return o.Report
	}
	return string(o.Status) + ": " + o.Report
}

// padded fills a name up to its column.
func padded(name string) string { return fmt.Sprintf("%-*s", nameWidth, name) }

// wide knows how many columns characters take; what depends on fonts takes one.
var wide = &runewidth.Condition{StrictEmojiNeutral: true}

// cut shortens text to n columns.
func (l *live) cut(text string, n int) string {
	switch {
	case n <= 0:
		return ""
	case n <= len(l.signs.more) && l.signs.more == asciiSigns.more:
		return wide.Truncate(text, n, "")
	}
	return wide.Truncate(text, n, l.signs.more)
}

// Duration is a time as people read it, "3m12s"; that of less than a second is "".
func Duration(d time.Duration) string {
	if d < time.Second {
		return ""
	}
	return d.Truncate(time.Second).String()
}
