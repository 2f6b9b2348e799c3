package cloudformation

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

// engine keeps the stacks, and does to them one step after another what is asked for.
// Its caller has it alone.
type engine struct {
	options   Options
	rights    *handler.Rights
	judge     handler.Judge // of the request that is being answered
	stacks    []*stack
	failures  []*Failure
	held      map[string]bool
	snapshots []string
	made      int // ids
	addresses int
}

// newEngine makes an engine without stacks.
func newEngine(o Options) *engine {
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
	s := &engine{options: o, held: map[string]bool{}}
	s.rights = handler.New(o.Region, o.Account, s.all)
	return s
}

// all calls yield for the resources of all stacks, stack by stack in the order of their names.
func (s *engine) all(yield func(*resource.Live) bool) {
	for _, st := range s.stacks {
		for _, id := range template.SortedKeys(st.live) {
			if !yield(st.live[id]) {
				return
			}
		}
	}
}
