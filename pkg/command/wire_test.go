package command_test

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/publisher"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// wireClient is one of our HTTP clients, and a command that uses it.
type wireClient struct {
	server, path string // the requests that suffer
	verb         string
	request      func(t *testing.T, s *stage) object
	// repeats says whether its requests are repeated: all but logins are.
	repeats bool
	// resumes says whether it goes on where a body was cut.
	resumes bool
	place   string // in every error
}

var wireClients = map[string]wireClient{
	"GitHub":           {"github", "", "check", onlyWatch(object{"perpetual": object{"github": world.ProgramRepository, "keys": []string{publisher.Key}}}), true, false, "component perpetual: "},
	"bosh.io":          {"boshio", "/api/", "check", onlyWatch(object{"bpm": object{"release": world.BPMRepository}}), true, false, "component bpm: "},
	"files":            {"boshio", "/bosh-hub-release-tarballs", "in", onlyWatch(object{"bpm": object{"release": world.BPMRepository}}), true, true, "fetch bpm: "},
	"GitHub's files":   {"github", "/api/v3/repos/*/*/releases/assets/*", "in", onlyWatch(object{"perpetual": object{"github": world.ProgramRepository, "allow_unsigned": true, "assets": []string{"*"}}}), true, true, "fetch perpetual "},
	"a statement":      {"github", "/api/v3/repos/*/*/releases/assets/*", "in", onlyWatch(object{"perpetual": object{"github": world.ProgramRepository, "keys": []string{publisher.Key}}}), true, false, "perpetual-1.2.0.signed.json: "},
	"registry":         {"registry", "/v2/", "check", anImage, true, false, "component tool: "},
	"registry's login": {"registry", "/token", "check", anImage, true, false, "component tool: "},
	"director":         {"director", "/tasks", "check", aDeployment, true, false, "list tasks of concourse: "},
	"director, /info":  {"director", "/info", "check", aDeployment, true, false, "ask the director how to log in: "},
	"UAA":              {"uaa", "", "check", aDeployment, false, false, "get a token from the director's UAA: "},
	"ATC":              {"concourse", "/api/", "out", aPreview, true, false, "read pipeline self-upgrade: "},
	"ATC's login":      {"concourse", "/sky/", "out", aPreview, false, false, "read pipeline self-upgrade: "},
	"S3":               {"s3", "", "out", aLease, true, false, "lease of deployment concourse: "},
}

// aLease is a put that has nothing to deploy, and takes the lease in a bucket.
func aLease(t *testing.T, s *stage) object {
	t.Helper()
	request := s.out(object{"lock_timeout": "1s"})
	answer[result](t, ask(t, "out", request, s.dir))
	s.idle(t)
	request["source"] = altered(s.DeploymentSource(), map[string]object{"state": s.bucket(t)})
	return request
}

func onlyWatch(watches object) func(*testing.T, *stage) object {
	return func(_ *testing.T, s *stage) object {
		source := s.ComponentsSource()
		source["watch"] = watches
		version := object{}
		for name := range watches {
			version[name] = s.version()[name]
		}
		return object{"source": source, "version": version, "params": object{"download": "all"}}
	}
}

func aDeployment(_ *testing.T, s *stage) object { return object{"source": s.DeploymentSource()} }

func aPreview(_ *testing.T, s *stage) object { return s.out(object{"dry_run": true}) }

// ask runs the client's command in a build that waits less between its tries.
func (c wireClient) ask(t *testing.T, s *stage, request object) process {
	t.Helper()
	args := []string{c.verb}
	switch c.verb {
	case "check":
		request = object{"source": request["source"]}
	case "in":
		args = append(args, filepath.Join(t.TempDir(), "in"))
	case "out":
		args = append(args, s.dir)
	}
	q, _, err := attack(t, nil, request, args...).wait(tooLong)
	if err != nil {
		t.Fatal(err)
	}
	if err := q.wellBehaved(); err != nil && (q.code != 0 || c.verb != "check") {
		t.Error(err)
	}
	if c.verb == "in" && q.code != 0 {
		empty(t, args[1])
	}
	hides(t, q, credentials()...)
	return q
}

// drain waits until a server has read what a program had sent before it ended, so that no
// fault for the next one strikes it.
func (s *stage) drain(t *testing.T, server string) {
	t.Helper()
	at, err := url.Parse(s.URLs[server])
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Faults[server].Drain(t.Context(), at.Host); err != nil {
		t.Fatal(err)
	}
}

// wireFault is a fault, and what is to come of it.
type wireFault struct {
	fault fault.Fault
	// survived says whether a client tolerates it once, and forever.
	once, forever bool
	// final says that asking again is no use, so that it is not done.
	final bool
}

// wireFaults are the faults at the wire.
func wireFaults() map[string]wireFault {
	answer := func(code int, after string) fault.Fault {
		f := fault.Fault{Kind: fault.Status, Code: code, Body: "not now"}
		if after != "" {
			f.Header = http.Header{"Retry-After": {after}}
		}
		return f
	}
	to := func(url string) fault.Fault {
		return fault.Fault{Kind: fault.Redirect, Code: http.StatusTemporaryRedirect, To: url + "/elsewhere"}
	}
	list := map[string]wireFault{
		"refused":                             {fault: fault.Fault{Kind: fault.Refuse}, once: true},
		"reset before it was read":            {fault: fault.Fault{Kind: fault.ResetBefore}, once: true},
		"reply dropped":                       {fault: fault.Fault{Kind: fault.DropReply}, once: true},
		"reset after it took effect":          {fault: fault.Fault{Kind: fault.ResetAfter}, once: true},
		"slow header":                         {fault: fault.Fault{Kind: fault.Delay, Pause: 20 * time.Millisecond}, once: true, forever: true},
		"slow body":                           {fault: fault.Fault{Kind: fault.SlowBody, Bytes: 256, Pause: time.Millisecond}, once: true, forever: true},
		"garbage":                             {fault: fault.Fault{Kind: fault.Garbage}, final: true},
		"429 without Retry-After":             {fault: answer(429, ""), final: true},
		"429, Retry-After 0":                  {fault: answer(429, "0"), once: true},
		"429, Retry-After 30 years":           {fault: answer(429, "1000000000"), final: true},
		"429, Retry-After beyond all numbers": {fault: answer(429, "99999999999999999999"), final: true},
		"429, Retry-After -5":                 {fault: answer(429, "-5"), once: true},
		"429, Retry-After in 1999":            {fault: answer(429, "Fri, 31 Dec 1999 23:59:59 GMT"), once: true},
		"429, Retry-After in 2100":            {fault: answer(429, "Fri, 31 Dec 2100 23:59:59 GMT"), final: true},
		"429, Retry-After in words":           {fault: answer(429, "soon"), final: true},
		"500":                                 {fault: answer(500, ""), once: true},
		"503":                                 {fault: answer(503, ""), once: true},
		"503, Retry-After 30 years":           {fault: answer(503, "1000000000"), final: true},
		"redirect to another host":            {fault: to(theStrangers().secure.URL), final: true},
		"redirect to http":                    {fault: to(theStrangers().plain.URL), final: true},
	}
	for part := 1; part < 16; part++ {
		list[fmt.Sprintf("cut at %d/16", part)] = wireFault{fault: fault.Fault{Kind: fault.CutBody, Part: part}, once: true}
	}
	list["cut after the last byte"] = wireFault{fault: fault.Fault{Kind: fault.CutBody, Part: 16}, once: true, forever: true}
	return list
}

// maxTries bounds what a client may ask of a server in one command: the requests
// that it needs, each tried as often as downloads are, and by net/http once more
// where a connection that was used before turns out to be closed.
const maxTries = 26

func TestWire_everyClientBearsOrNamesEveryFault(t *testing.T) {
	t.Parallel()
	for name, c := range wireClients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := installed(t)
			request := c.request(t, s)
			s.forget()
			if p := c.ask(t, s, request); p.code != 0 {
				t.Fatalf("it fails without any fault:\n%s", p.stderr)
			}
			s.drain(t, c.server)
			normal := s.requests(c.server)
			for fault, f := range wireFaults() {
				t.Run(fault+", once", func(t *testing.T) {
					f.fault.Times = 1
					c.meets(t, s, request, f, f.once && c.repeats, f.once && !c.repeats, normal)
				})
				t.Run(fault+", forever", func(t *testing.T) {
					f.fault.Times = -1
					resumed := c.resumes && strings.HasPrefix(fault, "cut at")
					c.meets(t, s, request, f, f.forever, resumed, normal)
				})
			}
			toldNothing(t)
		})
	}
}

// meets runs the command with the fault. either leaves open whether it survives.
func (c wireClient) meets(t *testing.T, s *stage, request object, f wireFault, survives, either bool, normal int) {
	t.Helper()
	f.fault.Path = c.path
	defer s.Faults[c.server].Clear()
	var p process
	for range 5 { // in this build a lease lasts for seconds, which a busy machine may take for one renewal
		s.forget()
		s.Faults[c.server].Clear()
		s.Faults[c.server].Add(f.fault)
		p = c.ask(t, s, request)
		s.drain(t, c.server)
		if !strings.Contains(p.stderr, "lost: not renewed for") && !strings.Contains(p.stderr, "(not renewed for") {
			break
		}
	}
	if !either && (p.code == 0) != survives {
		t.Errorf("exit code %d, want success: %t\n%s", p.code, survives, p.stderr)
	}
	n := s.requests(c.server)
	struck := 0
	for _, r := range s.Faults[c.server].Seen() {
		if r.Fault == f.fault.Kind {
			struck++
		}
	}
	if struck == 0 {
		t.Error("the fault struck nothing: this shows nothing")
	}
	if n > maxTries || f.final && n > normal {
		t.Errorf("%d requests, %d are normal: %v", n, normal, s.asked(c.server))
	}
	if p.code != 0 && !strings.Contains(p.stderr, c.place) {
		t.Errorf("the error does not say %q:\n%s", c.place, p.stderr)
	}
}
