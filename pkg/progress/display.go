// Package progress shows how the steps of a run go: on a terminal one live line
// for each step that is under way, elsewhere plain lines with the time, and for
// programs one JSON object a line.
package progress

import (
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/plain"
)

// Format is how a Display shows steps.
type Format int

// The formats.
const (
	Plain Format = iota // lines with the time, for logs
	Live                // lines that change, for terminals
	JSON                // one object a line, for programs
)

// redraw is the time between two looks of a live line at the clock.
const redraw = 200 * time.Millisecond

// Options say where and how steps are shown.
type Options struct {
	Out    io.Writer
	Format Format
	// Quiet leaves out all but warnings and why the run has failed.
	Quiet bool
	// Brief leaves out how steps have ended, and in Plain what goes on in them: for
	// commands whose result tells it.
	Brief bool
	Color bool // in Live
	// Mask hides credentials in what others wrote; nil: there are none. On a terminal
	// nobody does so after the Display.
	Mask func(string) string
	// ASCII writes nothing else, for terminals that show nothing else. JSON stays as
	// it is.
	ASCII bool
	Width func() int       // columns of the terminal, in Live; nil or 0: 80
	Now   func() time.Time // default: time.Now
	// Ticks makes Live redraw; nil: five times a second.
	Ticks <-chan time.Time
}

// Display shows the steps of one run. It may be used by several goroutines.
type Display struct {
	options Options
	format  formatter

	mu      sync.Mutex
	running []*begun
	closed  bool
	done    chan struct{} // closed by Close; ends the redrawing
	ended   chan struct{} // closed when the redrawing has ended
}

// begun is a step that is under way.
type begun struct {
	name  string
	note  string // the last one
	since time.Time
}

// formatter writes what has happened. The Display's lock is held meanwhile.
type formatter interface {
	begin(now time.Time, s *begun)
	note(now time.Time, s *begun)
	// stray shows a note of a step that is not under way.
	stray(now time.Time, name, line string)
	end(now time.Time, s *begun, o step.Outcome)
	say(now time.Time, line string)
	fail(now time.Time, line string)
	// draw shows the steps that are under way, in place of how they were before.
	draw(now time.Time, running []*begun)
}

// New makes a Display; Close ends it.
func New(o Options) *Display {
	if o.Now == nil {
		o.Now = time.Now
	}
	d := &Display{options: o, done: make(chan struct{}), ended: make(chan struct{})}
	d.options.ASCII = o.ASCII && o.Format != JSON
	switch o.Format {
	case Live:
		l := &live{out: o.Out, brief: o.Brief, color: o.Color, signs: unicodeSigns, width: o.Width, spinner: -1}
		if o.ASCII {
			l.signs = asciiSigns
		}
		d.format = l
	case JSON:
		d.format = events{o.Out}
	default:
		d.format = lines{o.Out, o.Brief}
	}
	if o.Format == Live && !o.Quiet {
		go d.redraw()
	} else {
		close(d.ended)
	}
	return d
}

// redraw keeps the elapsed times of live lines right until Close.
func (d *Display) redraw() {
	defer close(d.ended)
	ticks := d.options.Ticks
	if ticks == nil {
		ticker := time.NewTicker(redraw)
		defer ticker.Stop()
		ticks = ticker.C
	}
	for {
		select {
		case <-d.done:
			return
		case <-ticks:
			d.change(func(time.Time) {})
		}
	}
}

// change does something and draws what there is then.
func (d *Display) change(do func(now time.Time)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	now := d.options.Now()
	do(now)
	if !d.options.Quiet {
		d.format.draw(now, d.running)
	}
	d.flush()
}

// flush lets go what a writer that masks credentials has held back because it may be
// the beginning of one. Here it is not: what was written was whole. On a terminal the
// rest of a control sequence would come after what somebody else has written.
func (d *Display) flush() {
	if held, ok := d.options.Out.(interface{ Flush() error }); ok {
		_ = held.Flush()
	}
}

// Begin implements step.Progress.
func (d *Display) Begin(name string) {
	d.change(func(now time.Time) {
		s := d.find(name)
		if s == nil {
			s = &begun{name: name, since: now}
			d.running = append(d.running, s)
		}
		if !d.options.Quiet {
			d.format.begin(now, s)
		}
	})
}

// Note implements step.Progress.
func (d *Display) Note(name, line string) {
	line = d.clean(line)
	if strings.TrimSpace(line) == "" {
		return
	}
	d.change(func(now time.Time) {
		s := d.find(name)
		switch {
		case s == nil && !d.options.Quiet:
			d.format.stray(now, name, line)
		case s != nil:
			s.note = line
			if !d.options.Quiet {
				d.format.note(now, s)
			}
		}
	})
}

// End implements step.Progress.
func (d *Display) End(name string, o step.Outcome) {
	d.change(func(now time.Time) {
		s := d.find(name)
		if s == nil {
			s = &begun{name: name}
		}
		d.running = slices.DeleteFunc(d.running, func(r *begun) bool { return r == s })
		o.Report = d.clean(o.Report)
		if !d.options.Quiet {
			d.format.end(now, s, o)
		}
	})
}

// Say shows a line that belongs to no step, such as a warning.
func (d *Display) Say(line string) {
	d.change(func(now time.Time) { d.format.say(now, d.clean(line)) })
}

// Warn implements step.Progress: a warning is shown to those who want quiet, too.
func (d *Display) Warn(line string) { d.Say(line) }

// Fail shows the one line that says why the run has failed, also after Close.
func (d *Display) Fail(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.format.fail(d.options.Now(), d.clean(line))
	d.flush()
}

// Close takes live lines of what is still under way away. Whatever comes later,
// but for Fail, is not shown.
func (d *Display) Close() {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return
	}
	d.format.draw(d.options.Now(), nil)
	d.flush()
	d.closed = true
	close(d.done)
	d.mu.Unlock()
	<-d.ended
}

// find gives the step of a name that is under way, nil if there is none.
func (d *Display) find(name string) *begun {
	for _, s := range d.running {
		if s.name == name {
			return s
		}
	}
	return nil
}

// clean makes a line of foreign text that the display can show. The display's own
// control sequences come in behind it, so that no other ones do.
func (d *Display) clean(text string) string {
	if d.options.Mask != nil {
		text = d.options.Mask(text)
	}
	if text = plain.Line(text); d.options.ASCII {
		return ASCII(text)
	}
	return text
}
