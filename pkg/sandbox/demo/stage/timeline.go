// Package stage is what every performance of the demo needs: the timeline that tells it and
// judges it, the pipeline that is played, and the other team whose builds must not be
// harmed.
package stage

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// moment is one line of the timeline.
type moment struct {
	at        time.Duration // since the beginning
	who, what string
}

// Timeline tells what happens as it happens, and remembers it.
type Timeline struct {
	mu      sync.Mutex
	out     io.Writer
	width   int // of the column that says who
	begin   time.Time
	moments []moment
}

// NewTimeline begins one. width is that of the column that says who.
func NewTimeline(out io.Writer, width int) *Timeline {
	return &Timeline{out: out, width: width, begin: time.Now()}
}

// Add notes that who did what now.
func (t *Timeline) Add(who, what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := moment{time.Since(t.begin), who, what}
	t.moments = append(t.moments, m)
	_, _ = fmt.Fprintf(t.out, "%6.2fs  %-*s %s\n", m.at.Seconds(), t.width, who, what)
}

// Head starts a chapter.
func (t *Timeline) Head(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = fmt.Fprintf(t.out, "\n%s\n", text)
}

// Text shows what a program has printed.
func (t *Timeline) Text(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for line := range strings.Lines(strings.TrimSpace(text) + "\n") {
		_, _ = fmt.Fprintf(t.out, "         | %s\n", strings.TrimRight(line, " \n"))
	}
}

// Expectation is something that must have been seen.
type Expectation struct {
	what string
	ok   bool
}

// Seen is what must have been seen, and whether it was.
func Seen(what string, ok bool) Expectation { return Expectation{what, ok} }

// Judge prints every expectation and fails if one was not met.
func (t *Timeline) Judge(list []Expectation) error {
	t.Head("Seen:")
	failed := 0
	for _, e := range list {
		mark := "yes"
		if !e.ok {
			mark = "NO "
			failed++
		}
		_, _ = fmt.Fprintf(t.out, "  %s  %s\n", mark, e.what)
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d things did not happen as they must", failed, len(list))
	}
	return nil
}
