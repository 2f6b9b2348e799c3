//go:build crash

package crash

import (
	"syscall"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]struct {
		list   bool
		file   string
		point  string
		nth    int
		signal syscall.Signal
	}{
		"":                  {nth: 1, signal: syscall.SIGKILL},
		"list":              {list: true, nth: 1, signal: syscall.SIGKILL},
		"list:/tmp/points":  {list: true, file: "/tmp/points", nth: 1, signal: syscall.SIGKILL},
		"before-x":          {point: "before-x", nth: 1, signal: syscall.SIGKILL},
		"before-x:KILL":     {point: "before-x", nth: 1, signal: syscall.SIGKILL},
		"before a b#3:TERM": {point: "before a b", nth: 3, signal: syscall.SIGTERM},
	} {
		p := parse(text)
		if p.list != want.list || p.file != want.file || p.point != want.point || p.nth != want.nth || p.signal != want.signal {
			t.Errorf("parse(%q) = %+v, want %+v", text, p, want)
		}
	}
}

func TestScale_shortens(t *testing.T) {
	if got := Scale(5 * time.Second); got != 100*time.Millisecond {
		t.Errorf("Scale(5s) = %s", got)
	}
}
