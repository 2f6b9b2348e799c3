package createenv_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/cpi"
)

var (
	// child makes this binary a run of create-env: the file says of what.
	child = flag.String("child", "", "run create-env as this file says, instead of tests")
	// allKills adds the agent's calls in every scenario, and points beside each other.
	allKills = flag.Bool("kills", false, "kill at all points of every scenario, which takes some minutes")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if *child != "" {
		os.Exit(play(*child))
	}
	os.Exit(withBinaries(m))
}

// binaries is where programs for the tests are built.
var binaries string

// withBinaries runs all tests, and removes what they have built.
func withBinaries(m *testing.M) int {
	dir, err := os.MkdirTemp("", "perpetual-child-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binaries = dir
	return m.Run()
}

// trap does something at the nth point of a run: a call of the CPI or the agent,
// before it and after its effect, and a write of a document, before it and after.
type trap struct {
	mu     sync.Mutex
	agents bool // whether calls of the agent are points
	all    bool // whether points are taken between which nothing happens outside
	dies   bool // whether who passes the point is killed by strike
	at     int  // 0: never
	passed int
	where  string // the point at which it struck
	strike func()
}

// set arms the trap.
func (t *trap) set(at int, strike func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at, t.passed, t.where, t.strike = at, 0, "", strike
}

// pass is called at each point, and says whether it struck there.
func (t *trap) pass(point string) bool {
	t.mu.Lock()
	t.passed++
	hit := t.passed == t.at
	if hit {
		t.where = point
	}
	strike := t.strike
	t.mu.Unlock()
	if hit {
		strike()
	}
	return hit
}

// struck is where it struck, or "".
func (t *trap) struck() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.where
}

// call is a hook of the cloud.
func (t *trap) call(c cpi.Call) *cpi.Fault {
	if c.Method == "info" || c.Method == "get_task" && c.Phase == cpi.During {
		return nil
	}
	if c.To == "cpi" && (t.all || c.Phase == cpi.During) || t.agents && c.Phase == cpi.During {
		t.pass(fmt.Sprintf("%s %s %s", c.Phase, c.To, c.Method))
	}
	return nil
}

// write is a hook of the documents.
func (t *trap) write(op, name string, after bool) error {
	when := "before"
	if after {
		// What comes next after the journal is the CPI, or the state.
		if !t.all && name == ledger.JournalDocument {
			return nil
		}
		when = "after"
	}
	if t.pass(fmt.Sprintf("%s %s %s", when, op, path.Base(name))) && !after && t.dies {
		return errors.New("who writes is dead") // or it would be written later, beside the next run
	}
	return nil
}

// scenario is a run that is killed at each of its points in turn.
type scenario struct {
	before func(*world, int)      // makes what the run begins with; nil: nothing
	part   func(*world, int) part // the run in round n
	check  func(*world, int)      // after the run that follows
	agents bool                   // in any case kill at the agent's calls too
	again  bool                   // a round leaves nothing: the next begins with what before has made
	more   bool                   // only with -kills: others go through its points too
}

var (
	disk1 = manifest{disk: 1024}
	// alternating manifests: what round n changes, round n+1 changes again.
	property = func(n int) manifest { return manifest{disk: 1024, property: fmt.Sprint(n)} }
	size     = func(n int) manifest { return manifest{disk: 1024 * (1 + n%2)} }
	version  = func(n int) manifest { return manifest{disk: 1024, stemcell: fmt.Sprint(1 + n%2)} }
)

// changing is a scenario in which round n turns manifest n-1 into manifest n.
func changing(m func(int) manifest) scenario {
	return scenario{
		before: func(w *world, n int) { w.create(m(n - 1)) },
		part:   func(w *world, n int) part { return part{Request: w.request(m(n))} },
		check: func(w *world, n int) {
			w.create(m(n))
			w.whole(m(n))
		},
	}
}

var scenarios = map[string]scenario{
	"create": {
		agents: true,
		part:   func(w *world, _ int) part { return part{Request: w.request(disk1)} },
		check: func(w *world, _ int) {
			w.create(disk1)
			w.whole(disk1)
			w.delete(disk1)
			w.gone()
		},
	},
	"change":   more(changing(property)),
	"resize":   changing(size),
	"stemcell": more(changing(version)),
	"delete": {
		again:  true,
		before: func(w *world, _ int) { w.create(disk1) },
		part:   func(w *world, _ int) part { return part{Delete: true, Request: w.request(disk1)} },
		check: func(w *world, _ int) {
			w.delete(disk1)
			w.gone()
		},
	},
	"delete, then create": {
		before: func(w *world, _ int) { w.create(disk1) },
		part:   func(w *world, _ int) part { return part{Delete: true, Request: w.request(disk1)} },
		check: func(w *world, _ int) {
			w.create(disk1)
			w.whole(disk1)
		},
	},
}

func more(s scenario) scenario {
	s.more = true
	return s
}

// things are the VMs, disks and stemcells of the cloud, by their cids.
func (w *world) things() map[string]any {
	list := map[string]any{}
	for _, vm := range w.cloud.VMs() {
		list[vm.CID] = vm
	}
	for _, disk := range w.cloud.Disks() {
		list[disk.CID] = disk
	}
	for _, stemcell := range w.cloud.Stemcells() {
		list[stemcell.CID] = stemcell
	}
	return list
}

// keep gives what makes the cloud and the documents again as they are now.
func (w *world) keep() (restore func()) {
	things, bodies := w.things(), w.documents.all()
	return func() {
		for cid := range w.things() {
			w.cloud.Remove(cid)
		}
		for _, thing := range things {
			w.cloud.Plant(thing)
		}
		if diff := cmp.Diff(things, w.things()); diff != "" {
			w.t.Errorf("the cloud is not put back (-want +got):\n%s", diff)
		}
		w.documents.mu.Lock()
		defer w.documents.mu.Unlock()
		w.documents.bodies = maps.Clone(bodies)
	}
}

// delete removes the environment.
func (w *world) delete(m manifest) {
	w.t.Helper()
	if err := w.environment().Delete(w.t.Context(), w.request(m)); err != nil {
		w.t.Fatal(err)
	}
}

// For each call of the CPI, each write of a document and each call of the agent:
// a run that is killed there, and run again, ends as if it had not been killed.
func TestKill_anywhereLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("short: kills take half a minute")
	}
	for name, s := range scenarios {
		if s.more && !*allKills {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trap := &trap{agents: s.agents || *allKills, all: *allKills, dies: true}
			w := newQuickWorld(t, cpi.Options{Hook: trap.call})
			w.documents.hook = trap.write
			served := w.documents.serve(t)
			begin := time.Now()
			restore := func() {}
			for n := 1; ; n++ {
				trap.set(0, nil)
				switch {
				case n == 1 && s.before != nil:
					s.before(w, n)
					restore = w.keep()
				case s.again:
					restore()
				}
				p := s.part(w, n)
				p.Dir, p.Path, p.Documents = w.dir, w.path, served
				where := w.killAt(trap, n, p)
				if where == "" {
					t.Logf("%d kills in %s", n-1, time.Since(begin).Round(time.Second))
					return
				}
				s.check(w, n)
				if t.Failed() {
					t.Fatalf("after a kill at point %d, %s", n, where)
				}
			}
		})
	}
}

// newQuickWorld is newWorld with a stand-in for ruby, for what is around a run and not in
// a template.
func newQuickWorld(t *testing.T, o cpi.Options) *world {
	t.Helper()
	w := newWorld(t, o)
	w.path = quickRuby(t) + ":" + os.Getenv("PATH")
	return w
}

// quickRuby is a stand-in for ruby that fills in the two properties of these tests'
// templates: a real one takes most of the time of a run, and the tests of a first VM and
// of each kind of change use it.
func quickRuby(t *testing.T) string {
	dir := t.TempDir()
	script := `#!/bin/bash
context=$(<"$2")
token=${context#*\"token\":\"} secret=${context#*\"secret\":\"}
text=$(<"$3")
text=${text//'<%= p("cpi.token", "") %>'/${token%%\"*}}
printf '%s\n' "${text//'<%= p("director.secret") %>'/${secret%%\"*}}" > "$4"
`
	if err := os.WriteFile(filepath.Join(dir, "ruby"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// killAt runs a child that is killed at its nth point, and gives the point; "" if
// it ended before that. What it leaves, New removes.
func (w *world) killAt(trap *trap, n int, p part) string {
	w.t.Helper()
	var kill func()
	armed := make(chan struct{})
	trap.set(n, func() {
		<-armed
		kill()
	})
	kill, wait := w.start(p)
	close(armed)
	out, err := wait()
	where := trap.struck()
	if where == "" && err != nil {
		w.t.Fatalf("round %d: %v: %s", n, err, out)
	}
	trap.set(0, nil)
	w.environment()
	if !strings.Contains(where, " cpi ") { // that CPI is still at work, and has its job
		w.clean()
	}
	return where
}
