package cloudformation

import (
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/stack"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/iam"
)

// Refusal makes the service refuse calls.
type Refusal struct {
	Action  string // empty: any
	Skip    int    // so many calls pass first
	Times   int    // 0 is one, -1 is always
	Status  int    // default 400
	Code    string // "Throttling"
	Message string // "Rate exceeded"
	Acted   bool   // what was asked for happens all the same
}

// Call is one request as it came.
type Call struct {
	Action string
	Form   url.Values
}

// State is what a test may look at.
type State struct {
	Stacks    map[string]stack.State // by name, those that are not deleted
	Snapshots []string               // of databases: before a major upgrade, and when they were deleted
	Calls     map[string]int         // by action
	Writes    int                    // calls that change something
	Sent      []Call                 // every call
}

// Fail adds failures.
func (s *Server) Fail(list ...stack.Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.engine.AddFailures(list...)
}

// Refuse adds refusals.
func (s *Server) Refuse(list ...Refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range list {
		if r.Times == 0 {
			r.Times = 1
		}
		if r.Status == 0 {
			r.Status = http.StatusBadRequest
		}
		s.refusals = append(s.refusals, &r)
	}
}

// Clear removes all failures and refusals, and lets everything go on that is held.
func (s *Server) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusals = nil
	s.engine.Clear()
}

// Hold keeps a resource in progress until Release.
func (s *Server) Hold(logicalID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.engine.Hold(logicalID, true)
}

// Release lets a held resource go on.
func (s *Server) Release(logicalID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.engine.Hold(logicalID, false)
}

// State gives what there is now.
func (s *Server) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.engine.Advance()
	out := State{Stacks: s.engine.States(), Snapshots: slices.Clone(s.engine.Snapshots), Calls: maps.Clone(s.calls), Sent: slices.Clone(s.sent)}
	for action, n := range s.calls {
		if writes[action] {
			out.Writes += n
		}
	}
	return out
}

// Principal gives what decides for a user ("user") or role ("role") that a stack has
// made, by its name; there says whether there is one. A permissions boundary is one of
// AddPolicy, or of a stack; one that is neither is not known, and bounds nothing.
func (s *Server) Principal(kind, name string) (set iam.Set, there bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.engine.Rights.Principal(kind, name)
}

// AddPolicy adds a managed policy that no stack has made.
func (s *Server) AddPolicy(arn string, p iam.Policy) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.engine.Rights.AddPolicy(arn, p)
}

// refusal takes the next refusal that is meant for an action.
func (s *Server) refusal(action string) *Refusal {
	for _, r := range s.refusals {
		switch {
		case r.Action != "" && r.Action != action || r.Times == 0:
		case r.Skip > 0:
			r.Skip--
		default:
			if r.Times > 0 {
				r.Times--
			}
			return r
		}
	}
	return nil
}
