//go:build crash

// Package crash, built with the tag crash, ends the process where the
// environment says. Such a build is for tests and is never shipped.
//
//	PERPETUAL_CRASH=before-submit        SIGKILL when the point is passed first
//	PERPETUAL_CRASH=before-upload#3:TERM SIGTERM when it is passed for the third time
//	PERPETUAL_CRASH=list                 every point that is passed, on stderr
//	PERPETUAL_CRASH=list:/tmp/points     the same, appended to a file
package crash

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	variable = "PERPETUAL_CRASH"
	// divisor is by how much waits are shorter than in what is shipped.
	divisor = 50
	// notice is the time in which a process gets the signal that it has sent
	// itself: a run that goes on at once would often be over before that.
	notice = 20 * time.Millisecond
)

// Variables are the environment variables that this package reads.
var Variables = []string{variable}

// plan is what the environment asks for.
type plan struct {
	list   bool
	file   string // of the list; "" is stderr
	point  string
	nth    int
	signal syscall.Signal

	mu     sync.Mutex
	passed map[string]int
}

var armed = sync.OnceValue(func() *plan { return parse(os.Getenv(variable)) })

// parse reads the variable's value.
func parse(text string) *plan {
	p := &plan{nth: 1, signal: syscall.SIGKILL, passed: map[string]int{}}
	name, rest, _ := strings.Cut(text, ":")
	if name == "list" {
		p.list, p.file = true, rest
		return p
	}
	if rest == "TERM" {
		p.signal = syscall.SIGTERM
	}
	name, number, counted := strings.Cut(name, "#")
	p.point = name
	if n, err := strconv.Atoi(number); counted && err == nil {
		p.nth = n
	}
	return p
}

// Here ends the process if this is the point and the pass that are asked for.
func Here(point string) {
	p := armed()
	p.mu.Lock()
	p.passed[point]++
	nth := p.passed[point]
	if p.list {
		p.note(fmt.Sprintf("%s#%d\n", point, nth))
	}
	p.mu.Unlock()
	if p.point != point || p.nth != nth {
		return
	}
	_ = syscall.Kill(os.Getpid(), p.signal)
	if p.signal == syscall.SIGKILL {
		select {}
	}
	time.Sleep(notice)
}

// note writes a line of the list. The caller holds mu.
func (p *plan) note(line string) {
	if p.file == "" {
		_, _ = io.WriteString(os.Stderr, line)
		return
	}
	f, err := os.OpenFile(p.file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	_, _ = f.WriteString(line)
	_ = f.Close()
}

// Scale makes waits short.
func Scale(d time.Duration) time.Duration { return d / divisor }
