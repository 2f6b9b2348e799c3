package bootstrap

import (
	"context"
	"errors"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

// ended is a director whose deploys end as the list says, one after the other.
type ended struct {
	Director
	list []ending
	next int
}

type ending struct {
	state, result string
	stages        []string
	unread        bool // its events cannot be read
	lost          bool // so was the answer to its submission
}

func (d *ended) Deploy(context.Context, []byte, bosh.DeployOptions) (int, error) {
	d.next++
	if d.list[d.next-1].lost {
		return 0, bosh.ErrUncertain
	}
	return d.next, nil
}

func (d *ended) Wait(_ context.Context, id int, _ func(bosh.Event)) (bosh.Task, error) {
	return bosh.Task{ID: id, State: d.list[id-1].state, Result: d.list[id-1].result}, nil
}

func (d *ended) Events(_ context.Context, id int) (list []bosh.Event, err error) {
	if d.list[id-1].unread {
		return nil, errors.New("the director does not answer")
	}
	for _, stage := range d.list[id-1].stages {
		list = append(list, bosh.Event{Stage: stage, State: "started"})
	}
	return append(list, bosh.Event{Type: bosh.EventError, Message: "it failed"}), nil
}

// A setting is taken back only when it is certain that no VM has it.
func TestObserved_knowsADeployThatWasRefusedBeforeItTouchedAVM(t *testing.T) {
	preparing, compiling, updating := []string{"Preparing deployment"}, []string{"Preparing deployment", "Compiling packages"}, []string{"Preparing deployment", "Updating instance"}
	const lock = "Failed to acquire lock for lock:deployment:concourse uid: x. Locking task id is 7"
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
		"for a lock":                  {[]ending{{state: "error", result: lock}}, false},
		"after a lock":                {[]ending{{state: "error", result: lock}, {state: "error", stages: preparing}}, true},
		"events that cannot be read":  {[]ending{{state: "error", unread: true}}, false},
		"an answer that was lost":     {[]ending{{state: "error", stages: preparing, lost: true}}, false},
		"after another that was done": {[]ending{{state: "done", stages: updating}, {state: "error", stages: preparing}}, false},
		"done":                        {[]ending{{state: "done", stages: updating}}, false},
	} {
		seen := &observed{Director: &ended{list: of.list}, before: func() error { return nil }}
		for i := range of.list {
			_, _ = seen.Deploy(t.Context(), nil, bosh.DeployOptions{})
			_, _ = seen.Wait(t.Context(), i+1, func(bosh.Event) {})
		}
		if seen.refused != of.refused {
			t.Errorf("%s: refused is %t", name, seen.refused)
		}
	}
}
