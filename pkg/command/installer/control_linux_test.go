package installer_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/cpi"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
)

// harmless wants nothing in a text that a terminal would obey, or show nothing for.
func harmless(t *testing.T, what, text string) {
	t.Helper()
	at := strings.IndexFunc(text, func(r rune) bool {
		return r != '\n' && r != '\t' && unicode.In(r, unicode.C, unicode.Zl, unicode.Zp)
	})
	if at >= 0 || !utf8.ValidString(text) {
		t.Errorf("%s: %q", what, text[max(0, at-80):min(len(text), max(at, 0)+20)])
	}
	for line := range strings.Lines(text) {
		if len(line) > 8<<10+1 && strings.HasPrefix(what, "stderr") {
			t.Errorf("%s has a line of %d bytes", what, len(line))
		}
	}
}

// shows runs the program and wants its output harmless; seen says whether what was
// tainted is in it, spelt out.
func (p *place) shows(t *testing.T, args ...string) (q process, seen bool) {
	t.Helper()
	q = p.run(t, args...)
	harmless(t, "stdout of "+strings.Join(args, " "), q.stdout)
	harmless(t, "stderr of "+strings.Join(args, " "), q.stderr)
	return q, strings.Contains(q.stdout+q.stderr, fault.Mark)
}

// All that answers the installer answers with texts that move cursors and turn the
// direction of writing. What comes of it is harmless, whether it is a result or an error.
func TestControls_ofNobodyComeThrough(t *testing.T) {
	t.Parallel()
	var broken atomic.Pointer[cpi.Fault]
	p := newPlace(t, site.Options{Hook: func(c cpi.Call) *cpi.Fault {
		if c.To == "cpi" && c.Method == "create_vm" {
			return broken.Load()
		}
		return nil
	}}, nil)
	refusal := cpi.Fault{Type: "Bosh::Clouds::" + fault.Tainted, Message: fault.Tainted + "\n" + strings.Repeat(fault.Tainted, 2000)}
	broken.Store(&refusal)
	if q, seen := p.shows(t, "deploy"); q.code != 1 || !seen {
		t.Fatalf("the CPI refuses: exit code %d\n%s", q.code, q.stderr)
	}
	broken.Store(&cpi.Fault{Raw: fault.Tainted})
	if q, _ := p.shows(t, "deploy"); q.code != 1 {
		t.Fatalf("the CPI answers with no JSON: exit code %d\n%s", q.code, q.stderr)
	}
	broken.Store(nil)
	p.good(t, "deploy")

	p.denies(t)
	p.repeats(t)
	p.remembers(t)

	p.Director.FailCreateVM("worker", 1, "no room: "+fault.Tainted, 1)
	if q, seen := p.shows(t, "deploy", "--workers-count=2"); q.code != 1 || !seen {
		t.Errorf("a VM that cannot be made: exit code %d\n%s", q.code, q.stderr)
	}
	p.looksGood(t)
}

// denies has each service of AWS refuse everything.
func (p *place) denies(t *testing.T) {
	t.Helper()
	var told []string
	for _, service := range slices.Sorted(maps.Keys(p.AWS.Faults)) {
		f := p.AWS.Refusal(service, 400, "AccessDenied", fault.Tainted)
		f.Times = -1
		p.AWS.Faults[service].Add(f)
		if _, seen := p.shows(t, "plan"); seen {
			told = append(told, service)
		}
		p.AWS.Faults[service].Clear()
	}
	for _, service := range []string{"sts", "s3", "ec2", "cloudformation"} {
		if !slices.Contains(told, service) {
			t.Errorf("no refusal of %s was told, but those of %v", service, told)
		}
	}
}

// repeats has the servers say much of what they say in such texts.
func (p *place) repeats(t *testing.T) {
	t.Helper()
	texts := regexp.MustCompile(`(description|error|message|name)$`)
	facts := regexp.MustCompile(`(state|version|url|team)$`)
	for _, server := range []string{"github", "boshio", "director", "concourse"} {
		told := 0
		for _, some := range []*regexp.Regexp{texts, facts} {
			p.Faults[server].Add(fault.Taint(some.MatchString))
			for _, args := range [][]string{{"plan", "--upgrade"}, {"status"}, {"status", "--output=json"}} {
				if _, seen := p.shows(t, args...); seen {
					told++
				}
			}
			p.Faults[server].Clear()
		}
		if told == 0 {
			t.Errorf("nothing that %s has said was told", server)
		}
	}
}

// remembers spoils each text of the state's documents.
func (p *place) remembers(t *testing.T) {
	t.Helper()
	var mu sync.Mutex
	places := map[string]bool{}
	objects := p.AWS.Faults["s3"]
	objects.Add(fault.Taint(func(place string) bool {
		mu.Lock()
		defer mu.Unlock()
		places[place] = true
		return false
	}))
	p.good(t, "info", "--json")
	objects.Clear()
	if len(places) < 20 {
		t.Errorf("%d texts in the state: %v", len(places), places)
	}
	for place := range places {
		objects.Add(fault.Taint(func(at string) bool { return at == place }))
		p.shows(t, "info")
		objects.Clear()
		if t.Failed() {
			t.Fatalf("with %s tainted", place)
		}
	}
	objects.Add(fault.Taint(func(string) bool { return true }))
	for _, args := range [][]string{{"info", "--json"}, {"info", "--env"}, {"status"}, {"plan", "--output=json"}, {"destroy", "--yes-destroy=" + site.Name}} {
		p.shows(t, args...)
	}
	objects.Clear()
}

// ours are the control sequences of the display, and of a coloured plan.
var ours = regexp.MustCompile(`\x1b\[(J|[0-9]+A|0m|2m|31m|32m|33m)`)

// looksGood does so on a terminal, where the display sends sequences of its own.
func (p *place) looksGood(t *testing.T) {
	t.Helper()
	p.Faults["director"].Add(fault.Taint(func(place string) bool { return strings.HasSuffix(place, "error") || strings.HasSuffix(place, "state") }))
	p.Faults["concourse"].Add(fault.Taint(func(place string) bool { return strings.HasSuffix(place, "version") }))
	for _, args := range [][]string{{"status"}, {"plan", "--workers-count=2"}, {"info"}, {"destroy"}} {
		_, sent := onTerminal(t, p.dir, p.env("TERM=xterm", "LANG=C.UTF-8"), "no\n", args...)
		if !ours.MatchString(sent) || args[0] == "plan" && !strings.Contains(sent, "\x1b[J") {
			t.Errorf("%v: the display sends nothing of its own: %q", args, sent)
		}
		rest := strings.NewReplacer("\r\n", "\n", "\r\x1b[J", "", "\r", "").Replace(sent) // the terminal itself makes \r\n of \n
		harmless(t, "the terminal, "+strings.Join(args, " "), ours.ReplaceAllString(rest, ""))
	}
	p.Faults["director"].Clear()
	p.Faults["concourse"].Clear()
}
