package command_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
)

// phases are the moments of a put at which SIGTERM may come: while it waits for
// the answer to this request.
var phases = map[string]struct {
	server, method, path string
	skip                 int
	want                 []string // in the error
	// started is whether the director has a deploy when the signal comes.
	started bool
}{
	"logging in at the director":  {server: "director", path: "/info", want: []string{"director"}},
	"getting a token":             {server: "uaa", want: []string{"UAA"}},
	"reading the deployment":      {server: "director", path: "/deployments/concourse", want: []string{"read deployment concourse"}},
	"logging in at the ATC":       {server: "concourse", path: "/sky/", want: []string{"pipeline self-upgrade"}},
	"reading the pipeline":        {server: "concourse", method: "GET", path: "/api/v1/teams/", want: []string{"read pipeline self-upgrade"}},
	"asking what runs":            {server: "concourse", method: "GET", path: "/api/v1/info", want: []string{"ask the ATC what runs"}},
	"setting the pipeline":        {server: "concourse", method: "PUT", path: "/api/", want: []string{"set pipeline"}},
	"setting the cloud config":    {server: "director", method: "POST", path: "/configs", want: []string{"set cloud config"}},
	"listing releases":            {server: "director", path: "/releases", want: []string{"bring stemcell and releases"}},
	"starting an upload":          {server: "director", method: "POST", path: "/releases", want: []string{"bring stemcell and releases"}},
	"waiting for an upload":       {server: "director", method: "GET", path: "/tasks/2", want: []string{"bring stemcell and releases", "director task 2 keeps running"}},
	"comparing the manifest":      {server: "director", method: "POST", path: "/deployments/concourse/diff", want: []string{"deploy"}},
	"submitting the deploy":       {server: "director", method: "POST", path: "/deployments*", want: []string{"deploy", "context id perpetual-"}},
	"following the deploy":        {server: "director", method: "GET", path: "/tasks/5", want: []string{"wait for the deploy", "director task 5 keeps running"}, started: true},
	"reading the deploy's events": {server: "director", method: "GET", path: "/tasks/5/output", want: []string{"wait for the deploy", "director task 5 keeps running"}, started: true},
}

// SIGTERM at any time ends a put soon, cancels nothing at the director, and the
// error says what goes on there.
func TestTerm_endsAPutInEveryPhase(t *testing.T) {
	t.Parallel()
	for name, phase := range phases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := everythingNew(t)
			s.request["params"].(object)["detach"] = false
			s.Faults[phase.server].Add(fault.Fault{Method: phase.method, Path: phase.path, Skip: phase.skip, Times: -1, Kind: fault.Hang})
			i := invocation{args: []string{"out", s.target}, stdin: stdin(t, s.request), env: s.env()}
			p := terminated(t, i, func(string) bool { return s.hangs(phase.server) })
			interrupted(t, p, phase.want...)
			hides(t, p, credentials()...)
			if n := len(s.deploys()) - 1; n != 0 && !phase.started {
				t.Errorf("%d deploys were started", n)
			}
			for _, script := range s.Faults {
				script.Clear()
			}
			s.idle(t)
			for _, task := range s.Director.Tasks() {
				if task.State != director.StateDone {
					t.Errorf("task %d, %s, ended as %s", task.ID, task.Description, task.State)
				}
			}
			if left := files(t, s.tmp); len(left) > 0 {
				t.Errorf("it left %v", keys(left))
			}
		})
	}
}

// hangs says whether a request waits for its answer.
func (s *stage) hangs(server string) bool {
	for _, r := range s.Faults[server].Seen() {
		if r.Fault == fault.Hang {
			return true
		}
	}
	return false
}

// An answer that was lost to the signal's run is found by the next one: the error
// of the first names what to look for.
func TestTerm_whileTheDeployIsAcceptedLosesNothing(t *testing.T) {
	t.Parallel()
	s := nothingToUpload(t)
	var v *victim
	started := make(chan struct{})
	s.Faults["director"].Choose(func(r fault.Request) *fault.Fault {
		if r.Method != "POST" || !strings.HasPrefix(r.URL, "/deployments?") {
			return nil
		}
		return &fault.Fault{Kind: fault.DropReply, After: func() { <-started; v.end(syscall.SIGTERM) }}
	})
	v = s.attack(t)
	close(started)
	p, _, err := v.wait(tooLong)
	if err != nil {
		t.Fatal(err)
	}
	s.Faults["director"].Clear()
	interrupted(t, p, "what the director has accepted goes on")
	deploys := s.deploys()
	if len(deploys) != 2 {
		t.Fatalf("%d deploys were started, want one beside the first", len(deploys)-1)
	}
	if !strings.Contains(p.stderr, deploys[1].ContextID) && !strings.Contains(p.stderr, fmt.Sprintf("task %d", deploys[1].Task)) {
		t.Errorf("the error names neither the task %d nor its context id %s:\n%s", deploys[1].Task, deploys[1].ContextID, p.stderr)
	}
	s.idle(t)
	q, _, err := s.attack(t).wait(tooLong)
	if err != nil {
		t.Fatal(err)
	}
	s.finished(t, q)
}
