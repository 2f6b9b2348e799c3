package command_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
)

// blow is one way of killing a run.
type blow struct {
	name   string
	signal syscall.Signal
	// at is the crash point, or exchange and mode say where.
	at       string
	exchange int
	mode     string
	busy     bool // the next run comes while the deploy and its uploads still run
}

// The modes of killing at an exchange.
const (
	dropped   = "before it takes effect"
	delivered = "on its way, and it arrives after the death"
	unheard   = "after it took effect, before the answer"
)

// For every point of a run, and for every moment of each of its exchanges: kill
// the process there and run it again, and the end is that of one run.
func TestKill_anywhereAndAgainEndsAsOneRun(t *testing.T) {
	t.Parallel()
	for _, d := range drills {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			control, points, exchanges := d.control(t)
			if len(points) == 0 || len(exchanges) == 0 {
				t.Fatalf("the control run passed %d points and took %d exchanges", len(points), len(exchanges))
			}
			blows := slices.Concat(atPoints(points), atExchanges(exchanges))
			t.Logf("%s: %d crash points passed %d times, %d exchanges, %d kills", d.name, distinct(points), len(points), len(exchanges), len(blows))
			for _, b := range blows {
				t.Run(b.name, func(t *testing.T) {
					t.Parallel()
					d.survives(t, b, control)
				})
			}
		})
	}
}

// distinct counts crash points by name.
func distinct(points []string) int {
	names := map[string]bool{}
	for _, p := range points {
		name, _, _ := strings.Cut(p, "#")
		names[name] = true
	}
	return len(names)
}

// atPoints kills at every crash point: at each of its first and at every fourth
// of its further passes, as some are passed for each of many files.
func atPoints(points []string) (list []blow) {
	for i, p := range points {
		_, number, _ := strings.Cut(p, "#")
		if n, err := strconv.Atoi(number); err == nil && n > 3 && n%4 != 0 {
			continue
		}
		list = append(list,
			blow{name: p + " KILL", signal: syscall.SIGKILL, at: p, busy: i%2 == 0},
			blow{name: p + " TERM", signal: syscall.SIGTERM, at: p + ":TERM", busy: i%2 == 1})
	}
	return list
}

// atExchanges kills at every exchange. A question that is lost on its way is lost
// in one way only; SIGTERM, which ends a run in order, comes at all exchanges that
// change something and at some of the others.
func atExchanges(exchanges []string) (list []blow) {
	for i, x := range exchanges {
		name := fmt.Sprintf("%d %s ", i+1, strings.SplitN(x, "?", 2)[0])
		question := strings.Contains(x, " GET ") || strings.Contains(x, " HEAD ")
		for j, mode := range []string{dropped, delivered, unheard} {
			if question && mode == delivered {
				continue
			}
			list = append(list, blow{name: name + mode + " KILL", signal: syscall.SIGKILL, exchange: i + 1, mode: mode, busy: (i+j)%2 == 0})
		}
		if !question || i%4 == 0 {
			for j, mode := range []string{dropped, unheard} {
				list = append(list, blow{name: name + mode + " TERM", signal: syscall.SIGTERM, exchange: i + 1, mode: mode, busy: (i+j)%2 == 1})
			}
		}
	}
	return list
}

// survives kills one run and runs it again.
func (d drill) survives(t *testing.T, b blow, control end) {
	s := d.begin(t)
	if b.busy && s.verb == "out" {
		s.busy(t)
		s.Faults["boshio"].Add(fault.Fault{Path: "/bosh-hub-release-tarballs", Times: -1, Kind: fault.Delay, Pause: 50 * 1e6})
	}
	s.killed(t, d, b)
	s.onlyWhole(t, control)
	if len(s.deploys()) > 1 {
		if !b.busy {
			s.idle(t)
		} else if err := s.WaitDraining(t.Context(), ""); err != nil { // the web is back
			t.Fatal(err)
		}
	}
	p, _, err := s.attack(t).wait(tooLong)
	if err != nil {
		t.Fatal(err)
	}
	s.finished(t, p)
	hides(t, p, credentials()...)
	s.free(t)
	s.same(t, control)
}

// killed runs the request until the blow.
func (s *scene) killed(t *testing.T, d drill, b blow) {
	t.Helper()
	var v *victim
	var struck atomic.Bool
	started, settled := make(chan struct{}), make(chan struct{})
	kill := func() { <-started; struck.Store(true); v.end(b.signal) }
	settle := func() { close(settled) }
	if b.at == "" {
		s.exchanges(d.servers, func(n int) *fault.Fault {
			switch {
			case n != b.exchange:
				return nil
			case b.mode == dropped:
				return &fault.Fault{Kind: fault.Refuse, Before: func() { kill(); settle() }}
			case b.mode == delivered:
				return &fault.Fault{Kind: fault.DropReply, Before: kill, After: settle}
			}
			return &fault.Fault{Kind: fault.DropReply, After: func() { kill(); settle() }}
		})
		v = s.attack(t)
	} else {
		v = s.attack(t, "PERPETUAL_CRASH="+b.at)
	}
	close(started)
	p, by, err := v.wait(tooLong)
	if err != nil {
		t.Fatal(err)
	}
	if struck.Load() {
		<-settled
	} else if b.at == "" { // how often it looks at a task differs from run to run
		t.Logf("the run had no exchange %d", b.exchange)
	}
	for _, server := range d.servers {
		s.Faults[server].Choose(nil)
	}
	hides(t, p, credentials()...)
	if by == syscall.SIGKILL || by == syscall.SIGTERM {
		return // SIGTERM kills a process that does not listen yet
	}
	if b.at != "" && b.signal == syscall.SIGKILL {
		t.Errorf("the run did not come to %s: exit code %d\n%s", b.at, p.code, p.stderr)
	}
	if err := p.wellBehaved(); err != nil {
		t.Error(err)
	}
	if p.code == 143 && b.signal != syscall.SIGTERM {
		t.Errorf("it says that SIGTERM has ended it, which nobody sent:\n%s", p.stderr)
	}
}
