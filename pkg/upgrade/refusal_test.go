package upgrade_test

import (
	"slices"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// ending is how a deploy of a run ends.
type ending struct {
	state, result string
	stages        []string
	unread        bool // its events cannot be read
	lost          bool // so is the answer to its submission
}

// end makes the deploys of a fixture end in this order, the last one again and again.
func (f *fixture) end(list []ending) {
	f.director.onDeploy = func() {
		e := list[0]
		if len(list) > 1 {
			list = list[1:]
		}
		t := fakeTask{takes: time.Minute, end: e.state, Task: bosh.Task{Result: e.result}}
		for _, stage := range e.stages {
			t.events = append(t.events, bosh.Event{Stage: stage, State: "started"})
		}
		t.events = append(t.events, bosh.Event{Type: bosh.EventError, Message: "it failed"})
		f.director.deploy, f.director.lost = t, ""
		if e.lost {
			f.director.lost = "accepted"
		}
		if e.unread {
			f.director.faults["Events"] = []error{nil, errUnreachable} // the wait's, then ours
		}
	}
}

// A setting is taken back only when it is certain that no VM has it.
func TestOut_knowsADeployThatWasRefusedBeforeItTouchedAVM(t *testing.T) {
	preparing, compiling, updating := []string{"Preparing deployment"}, []string{"Preparing deployment", "Compiling packages"}, []string{"Preparing deployment", "Updating instance"}
	const lock = "Failed to acquire lock for lock:deployment:concourse uid: x. Locking task id is 7"
	const release = "Failed to acquire lock for lock:release:concourse uid: x. Locking task id is 8"
	for name, of := range map[string]struct {
		list    []ending
		joined  bool // another run has submitted it
		deploys int
		refused bool
	}{
		"at once":                     {[]ending{{state: "error"}}, false, 1, true},
		"in its preparation":          {[]ending{{state: "error", stages: preparing}}, false, 1, true},
		"while it compiled":           {[]ending{{state: "error", stages: compiling}}, false, 1, false},
		"at an instance":              {[]ending{{state: "error", stages: updating}}, false, 1, false},
		"cancelled":                   {[]ending{{state: "cancelled", stages: preparing}}, false, 1, false},
		"its worker died":             {[]ending{{state: "timeout", stages: preparing}}, false, 1, false},
		"for a release's lock":        {[]ending{{state: "error", result: release, stages: preparing}}, false, 1, false},
		"for a lock, to the end":      {[]ending{{state: "error", result: lock}}, false, 6, false},
		"after a lock":                {[]ending{{state: "error", result: lock}, {state: "error", stages: preparing}}, false, 2, true},
		"events that cannot be read":  {[]ending{{state: "error", unread: true}}, false, 1, false},
		"an answer that was lost":     {[]ending{{state: "error", stages: preparing, lost: true}}, false, 1, false},
		"after another that went far": {[]ending{{state: "error", result: lock, stages: updating}, {state: "error", stages: preparing}}, false, 2, false},
		"another run's":               {[]ending{{state: "error", stages: preparing}}, true, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, f *fixture) {
				f.end(slices.Clone(of.list))
				if of.joined {
					if _, err := f.out(t.Context(), nil); err != nil {
						t.Fatal(err)
					}
				}
				wait := false
				did, err := f.run(t.Context(), f.put(func(p *resource.OutParams) { p.Detach = &wait }))
				if err == nil || f.count("deploy") != of.deploys || did.Refused != of.refused {
					t.Errorf("refused is %t after %d deploys, error %v", did.Refused, f.count("deploy"), err)
				}
			})
		})
	}
}
