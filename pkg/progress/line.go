package progress

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
)

// lines writes one for each thing that happens.
type lines struct {
	out   io.Writer
	brief bool
}

func (l lines) begin(now time.Time, s *begun) {
	if !l.brief {
		l.line(now, s.name, "started")
	}
}

func (l lines) note(now time.Time, s *begun) {
	if !l.brief {
		l.line(now, s.name, s.note)
	}
}

func (l lines) stray(now time.Time, name, line string) { l.line(now, name, line) }

func (l lines) end(now time.Time, s *begun, o step.Outcome) {
	if l.brief && o.Status != step.Failed {
		return
	}
	text := describe(o)
	if took := Duration(o.Took); took != "" {
		text += " (" + took + ")"
	}
	l.line(now, s.name, text)
}

func (l lines) say(now time.Time, line string) { l.line(now, "!", line) }

// fail has no time before it: programs and people look for the word at the start.
func (l lines) fail(_ time.Time, line string) { _, _ = fmt.Fprintf(l.out, "error: %s\n", line) }
func (l lines) draw(time.Time, []*begun)      {}

func (l lines) line(now time.Time, name, text string) {
	_, _ = fmt.Fprintf(l.out, "%s %s  %s\n", now.UTC().Format(time.RFC3339), padded(name), text)
}

// Event is one line of the format JSON.
type Event struct {
	Time    time.Time   `json:"time"`              // "2026-11-21T18:00:00Z"
	Event   string      `json:"event"`             // "begin", "note", "end", "warning", "error"
	Step    string      `json:"step,omitempty"`    // "infrastructure"
	Status  step.Status `json:"status,omitempty"`  // of an end: "changed"
	Text    string      `json:"text,omitempty"`    // what people read
	Seconds float64     `json:"seconds,omitempty"` // that the step took, of an end
}

// events writes an Event for each thing that happens.
type events struct{ out io.Writer }

func (e events) begin(now time.Time, s *begun) {
	e.write(Event{Time: now, Event: "begin", Step: s.name})
}

func (e events) note(now time.Time, s *begun) {
	e.write(Event{Time: now, Event: "note", Step: s.name, Text: s.note})
}

func (e events) stray(now time.Time, name, line string) {
	e.write(Event{Time: now, Event: "note", Step: name, Text: line})
}

func (e events) end(now time.Time, s *begun, o step.Outcome) {
	e.write(Event{Time: now, Event: "end", Step: s.name, Status: o.Status, Text: o.Report, Seconds: o.Took.Seconds()})
}

func (e events) say(now time.Time, line string) {
	e.write(Event{Time: now, Event: "warning", Text: line})
}

func (e events) fail(now time.Time, line string) {
	e.write(Event{Time: now, Event: "error", Text: line})
}

func (e events) draw(time.Time, []*begun) {}

func (e events) write(v Event) {
	v.Time = v.Time.UTC()
	_ = json.NewEncoder(e.out).Encode(v)
}
