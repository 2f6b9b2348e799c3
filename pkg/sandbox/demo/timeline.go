package demo

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// moment is one line of the timeline.
type moment struct {
	at        time.Duration // since the beginning
	who, what string
}

// timeline tells what happens as it happens, and remembers it.
type timeline struct {
	mu      sync.Mutex
	out     io.Writer
	begin   time.Time
	moments []moment
}

func newTimeline(out io.Writer) *timeline { return &timeline{out: out, begin: time.Now()} }

// add notes that who did what now.
func (t *timeline) add(who, what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := moment{time.Since(t.begin), who, what}
	t.moments = append(t.moments, m)
	_, _ = fmt.Fprintf(t.out, "%6.2fs  %-12s %s\n", m.at.Seconds(), who, what)
}

// head starts a chapter.
func (t *timeline) head(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = fmt.Fprintf(t.out, "\n%s\n", text)
}
