package upgrade

import (
	"errors"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

// ending is how a deploy of a run ended.
type ending struct {
	state, result string
	stages        []string
	unread        bool // its events cannot be read
	lost          bool // so was the answer to its submission
}

// A setting is taken back only when it is certain that no VM has it.
func TestRun_knowsADeployThatWasRefusedBeforeItTouchedAVM(t *testing.T) {
	preparing, compiling, updating := []string{"Preparing deployment"}, []string{"Preparing deployment", "Compiling packages"}, []string{"Preparing deployment", "Updating instance"}
	const lock = "Failed to acquire lock for lock:deployment:concourse uid: x. Locking task id is 7"
	const release = "Failed to acquire lock for lock:release:concourse uid: x. Locking task id is 8"
	for name, of := range map[string]struct {
		list    []ending
		refused bool
	}{
		"at once":                     {[]ending{{state: "error"}}, true},
		"in its preparation":          {[]ending{{state: "error", stages: preparing}}, true},
		"while it compiled":           {[]ending{{state: "error", stages: compiling}}, false},
		"at an instance":              {[]ending{{state: "error", stages: updating}}, false},
		"cancelled":                   {[]ending{{state: "cancelled", stages: preparing}}, false},
		"its worker died":             {[]ending{{state: "timeout", stages: preparing}}, false},
		"for a release's lock":        {[]ending{{state: "error", result: release, stages: preparing}}, false},
		"for a lock":                  {[]ending{{state: "error", result: lock}}, false},
		"after a lock":                {[]ending{{state: "error", result: lock}, {state: "error", stages: preparing}}, true},
		"events that cannot be read":  {[]ending{{state: "error", unread: true}}, false},
		"an answer that was lost":     {[]ending{{state: "error", stages: preparing, lost: true}}, false},
		"after another that went far": {[]ending{{state: "error", stages: updating}, {state: "error", stages: preparing}}, false},
	} {
		r := &run{}
		for i, e := range of.list {
			r.certain, r.result.Refused = i+1, false // as a submission does
			if e.lost {
				r.certain = 0
			}
			var events []bosh.Event
			for _, stage := range e.stages {
				events = append(events, bosh.Event{Stage: stage, State: "started"})
			}
			events = append(events, bosh.Event{Type: bosh.EventError, Message: "it failed"})
			var unread error
			if e.unread {
				events, unread = nil, errors.New("the director does not answer")
			}
			r.judgeRefusal(bosh.Task{ID: i + 1, State: e.state, Result: e.result}, events, unread)
		}
		if r.result.Refused != of.refused {
			t.Errorf("%s: refused is %t", name, r.result.Refused)
		}
	}
}
