// Package stack keeps simulated stacks and carries operations on them out: creation, changes
// by change sets, deletion and rollbacks, one resource after another.
package stack

import (
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/handler"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/resource"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/template"
)

// Options say how the simulated service is. The zero value of a field is its default.
type Options struct {
	Account string        // "123456789012"
	Region  string        // "eu-central-1"
	Step    time.Duration // that a resource takes to begin, and again to end; 0: everything happens at once

	// Addresses begin all elastic addresses; default "198.51.100.".
	Addresses string

	// OnCreate and OnDelete are called for resources as they come and go, so that other
	// simulated services know them. They are called with the server locked.
	OnCreate, OnDelete func(resource.Live)

	// Taken says whether others have made a resource of that type and name already.
	Taken func(resource.Live) bool

	Now func() time.Time // default time.Now
}

// Engine keeps the stacks, and does to them one step after another what is asked for.
// Its caller has it alone.
type Engine struct {
	Options   Options
	Rights    *handler.Rights
	Judge     handler.Judge // of the request that is being answered
	Stacks    []*Stack
	failures  []*Failure
	held      map[string]bool
	Snapshots []string
	made      int // ids
	addresses int
}

// New makes an engine without stacks.
func New(o Options) *Engine {
	if o.Account == "" {
		o.Account = "123456789012"
	}
	if o.Region == "" {
		o.Region = "eu-central-1"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Addresses == "" {
		o.Addresses = "198.51.100."
	}
	s := &Engine{Options: o, held: map[string]bool{}}
	s.Rights = handler.New(o.Region, o.Account, s.all)
	return s
}

// all calls yield for the resources of all stacks, stack by stack in the order of their names.
func (s *Engine) all(yield func(*resource.Live) bool) {
	for _, st := range s.Stacks {
		for _, id := range template.SortedKeys(st.Live) {
			if !yield(st.Live[id]) {
				return
			}
		}
	}
}
