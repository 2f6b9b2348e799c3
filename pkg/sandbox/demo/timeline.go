package demo

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

// timeline tells what happens as it happens, and remembers it.
type timeline struct {
	mu      sync.Mutex
	out     io.Writer
	width   int // of the column that says who
	begin   time.Time
	moments []moment
}

func newTimeline(out io.Writer, width int) *timeline {
	return &timeline{out: out, width: width, begin: time.Now()}
}

// add notes that who did what now.
func (t *timeline) add(who, what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := moment{time.Since(t.begin), who, what}
	t.moments = append(t.moments, m)
	_, _ = fmt.Fprintf(t.out, "%6.2fs  %-*s %s\n", m.at.Seconds(), t.width, who, what)
}

// head starts a chapter.
func (t *timeline) head(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = fmt.Fprintf(t.out, "\n%s\n", text)
}

// text shows what a program has printed.
func (t *timeline) text(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for line := range strings.Lines(strings.TrimSpace(text) + "\n") {
		_, _ = fmt.Fprintf(t.out, "         | %s\n", strings.TrimRight(line, " \n"))
	}
}

// expectation is something that must have been seen.
type expectation struct {
	what string
	ok   bool
}

// judge prints every expectation and fails if one was not met.
func (t *timeline) judge(list []expectation) error {
	t.head("Seen:")
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
