package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// timeline tells what happens in a scenario as it happens, and remembers it.
type timeline struct {
	mu      sync.Mutex
	out     io.Writer
	prefix  string // "1": the scenario, where several run beside each other
	begin   time.Time
	moments []moment
}

// moment is one line of a timeline.
type moment struct {
	at        time.Time
	who, what string
}

func newTimeline(out io.Writer, prefix string) *timeline {
	return &timeline{out: out, prefix: prefix, begin: time.Now()}
}

// add notes that who did what now.
func (t *timeline) add(who, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := moment{time.Now(), who, fmt.Sprintf(format, args...)}
	t.moments = append(t.moments, m)
	_, _ = fmt.Fprintf(t.out, "[%s] %s\n", t.prefix, t.text(m))
}

// text is a moment as a line: "  12.34s  BOSH         task 3 stops web/0".
func (t *timeline) text(m moment) string {
	return fmt.Sprintf("%7.2fs  %-14s %s", m.at.Sub(t.begin).Seconds(), m.who, m.what)
}

// lines are all of it.
func (t *timeline) lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]string, len(t.moments))
	for i, m := range t.moments {
		list[i] = t.text(m)
	}
	return list
}
