package command_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// obeyed says that a terminal does something with a character, or shows nothing.
func obeyed(r rune) bool {
	return r != '\n' && r != '\t' && unicode.In(r, unicode.C, unicode.Zl, unicode.Zp)
}

// harmless wants nothing in what a command has written that a terminal would obey,
// nor in the metadata that Concourse shows. The manifest is the director's own.
func harmless(t *testing.T, p process, dir string) (seen bool) {
	t.Helper()
	texts := map[string]string{"stdout": p.stdout, "stderr": p.stderr}
	for name, text := range files(t, dir) {
		if filepath.Base(name) != "manifest.yml" && !strings.HasSuffix(name, ".tgz") {
			texts[name] = text
		}
	}
	var r resource.Result
	if json.Unmarshal([]byte(p.stdout), &r) == nil {
		for _, f := range r.Metadata {
			texts["metadata "+f.Name] = f.Name + f.Value
			if len(f.Value) > 1024 {
				t.Errorf("%s has %d bytes", f.Name, len(f.Value))
			}
		}
	}
	for name, text := range texts {
		if at := strings.IndexFunc(text, obeyed); at >= 0 || !utf8.ValidString(text) {
			t.Errorf("%s: %q", name, text[max(0, at-60):min(len(text), max(at, 0)+20)])
		}
		for line := range strings.Lines(text) {
			if len(line) > 8<<10+1 && name == "stderr" {
				t.Errorf("%s has a line of %d bytes", name, len(line))
			}
		}
		seen = seen || strings.Contains(text, fault.Mark)
	}
	return seen
}

// look is a command that changes nothing, so that one world serves many of them.
type look struct {
	verb    string
	request func(s *stage) object
}

func (s *stage) looks() map[string]look {
	return map[string]look{
		"check of components": {"check", func(s *stage) object { return object{"source": s.ComponentsSource()} }},
		"in of components": {"in", func(s *stage) object {
			return object{"source": s.ComponentsSource(), "version": s.version(), "params": object{"download": []string{"bpm"}}}
		}},
		"check of a deployment": {"check", func(s *stage) object { return object{"source": s.DeploymentSource()} }},
		"in of a deployment": {"in", func(s *stage) object {
			return object{"source": s.DeploymentSource(), "version": object{"task": "1"}}
		}},
		"verify": {"in", func(s *stage) object {
			return object{"source": s.DeploymentSource(), "version": object{"task": "1"}, "params": object{"verify": true, "timeout": "20s"}}
		}},
		"dry run": {"out", func(s *stage) object { return s.out(object{"dry_run": true, "lock_timeout": "1s"}) }},
		"resume":  {"resume", func(s *stage) object { return object{"source": s.DeploymentSource()} }},
		"unlock":  {"unlock", func(s *stage) object { return object{"source": s.DeploymentSource()} }},
	}
}

// run looks, and says whether what was tainted was seen somewhere.
func (l look) run(t *testing.T, s *stage) (seen bool) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "in")
	args := []string{l.verb}
	switch l.verb {
	case "in":
		args = append(args, dir)
	case "out":
		args = append(args, s.dir)
	case "unlock":
		args = append(args, "--id", "nobodys")
	}
	p, _, err := attack(t, nil, l.request(s), args...).wait(tooLong)
	if err != nil {
		t.Fatal(err)
	}
	hides(t, p, credentials()...)
	return harmless(t, p, dir)
}

// Every text in every answer is spoilt once with all that terminals obey. Whatever a
// command makes of that, it hands none of it on.
func TestControls_ofNoServersTextComeThrough(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	told := map[string]int{}
	t.Run("verbs", func(t *testing.T) {
		for name, l := range (*stage)(nil).looks() {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := installed(t)
				places := s.places(t, l)
				if len(places) == 0 && l.verb != "unlock" {
					t.Error("no server has answered with a text, so this shows nothing")
				}
				for place, server := range places {
					s.Faults[server].Add(fault.Taint(func(p string) bool { return server+p == place }))
					seen := l.run(t, s)
					s.Faults[server].Clear()
					if t.Failed() {
						t.Fatalf("with %s tainted", place)
					}
					mu.Lock()
					if told[server] += 0; seen {
						told[server]++
					}
					mu.Unlock()
				}
				t.Logf("%d texts", len(places))
			})
		}
	})
	for _, server := range []string{"github", "boshio", "director", "concourse"} {
		if told[server] == 0 {
			t.Errorf("nothing of %s was told in any form, so this shows nothing", server)
		}
	}
	t.Logf("seen, spelt out: %v", told)
}

// places are where a command is given texts, by server and place, with the server.
func (s *stage) places(t *testing.T, l look) map[string]string {
	t.Helper()
	var mu sync.Mutex
	found := map[string]string{}
	for server, script := range s.Faults {
		script.Add(fault.Taint(func(place string) bool {
			mu.Lock()
			defer mu.Unlock()
			found[server+place] = server
			return false
		}))
	}
	l.run(t, s)
	for _, script := range s.Faults {
		script.Clear()
	}
	return found
}

// Errors of servers come in many forms, and before anything else is known of them.
func TestControls_ofNoRefusalComeThrough(t *testing.T) {
	t.Parallel()
	long := strings.Repeat(fault.Tainted+"\n", 3000)
	quoted, _ := json.Marshal(fault.Tainted)
	bodies := map[string]fault.Fault{
		"text":              {Body: fault.Tainted + "\xff" + long, Header: http.Header{"Content-Type": {"text/plain"}}},
		"JSON":              {Body: `{"code":1,"description":` + string(quoted) + `,"message":` + string(quoted) + `,"error":` + string(quoted) + `,"error_description":` + string(quoted) + `,"errors":[` + string(quoted) + `]}`},
		"HTML":              {Body: "<html><title>" + fault.Tainted + "</title>" + long, Header: http.Header{"Content-Type": {"text/html"}}},
		"JSON that is none": {Code: 200, Body: `{"` + fault.Tainted + `":` + long},
		"a redirect":        {Code: 302, Header: http.Header{"Location": {"https://example.com/\u202e\u009b" + fault.Mark}}},
	}
	for name, l := range (*stage)(nil).looks() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := installed(t)
			for _, server := range slices.Sorted(maps.Keys(s.Faults)) {
				for form, f := range bodies {
					f.Kind, f.Times = fault.Status, -1
					if f.Code == 0 {
						f.Code = http.StatusForbidden
					}
					if f.Header.Get("Content-Type") == "" {
						f.Header = f.Header.Clone()
						if f.Header == nil {
							f.Header = http.Header{}
						}
						f.Header.Set("Content-Type", "application/json")
					}
					s.Faults[server].Add(f)
					l.run(t, s)
					s.Faults[server].Clear()
					if t.Failed() {
						t.Fatalf("%s answers with %s", server, form)
					}
				}
			}
		})
	}
}

// A server may repeat a credential where Concourse shows it to everybody.
func TestIn_masksItsMetadata(t *testing.T) {
	t.Parallel()
	s := installed(t)
	s.Faults["director"].Add(fault.Fault{Kind: fault.Alter, Path: "/deployments", Times: -1, Change: func(_ http.Header, body []byte) []byte {
		return bytes.ReplaceAll(body, []byte(oldSet.BPM), []byte(oldSet.BPM+" "+world.ConcoursePass))
	}})
	p := ask(t, "in", object{"source": s.DeploymentSource(), "version": object{"task": "1"}}, filepath.Join(t.TempDir(), "in"))
	if got, want := answer[result](t, p).field("bpm"), oldSet.BPM+" "+secret.Redacted; got != want {
		t.Errorf("metadata bpm is %q, want %q", got, want)
	}
	hides(t, p, credentials()...)
}
