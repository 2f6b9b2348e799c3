// Package cloudformation is a simulated CloudFormation: an http.Handler that speaks
// its Query protocol, keeps stacks of real templates, evaluates parameters,
// conditions and functions, makes change sets, and plays their execution resource
// by resource, with events, failures and rollbacks. Nothing is made outside of it.
//
// It behaves as the CloudFormation API reference and user guide say, and as their
// authors' messages are known from public logs; it was never compared with the
// real service call by call. It knows the functions that are in shortForms, no
// transforms, nested stacks, imports, stack policies or drift.
package cloudformation

import (
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/iam"
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
	OnCreate, OnDelete func(Live)

	// Taken says whether others have made a resource of that type and name already.
	Taken func(Live) bool

	Now func() time.Time // default time.Now
}

// Server is the service. It is an http.Handler.
type Server struct {
	options Options

	mu        sync.Mutex
	stacks    []*stack
	failures  []*Failure
	refusals  []*Refusal
	held      map[string]bool
	calls     map[string]int
	sent      []Call
	snapshots []string
	policies  map[string]iam.Policy // that no stack has made, by ARN
	made      int                   // ids
	addresses int
	judge     Judge // of the request that is being answered
}

// New makes a service without stacks.
func New(o Options) *Server {
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
	return &Server{options: o, held: map[string]bool{}, calls: map[string]int{}}
}

// actions are what the service can do, by name.
var actions = map[string]func(*Server, url.Values) ([]element, error){
	"ValidateTemplate":            (*Server).validateTemplate,
	"CreateChangeSet":             (*Server).createChangeSet,
	"DescribeChangeSet":           (*Server).describeChangeSet,
	"ListChangeSets":              (*Server).listChangeSets,
	"ExecuteChangeSet":            (*Server).executeChangeSet,
	"DeleteChangeSet":             (*Server).deleteChangeSet,
	"DescribeStacks":              (*Server).describeStacks,
	"DescribeStackEvents":         (*Server).describeStackEvents,
	"DescribeStackResources":      (*Server).describeStackResources,
	"GetTemplate":                 (*Server).getTemplate,
	"DeleteStack":                 (*Server).deleteStack,
	"ContinueUpdateRollback":      (*Server).continueUpdateRollback,
	"UpdateTerminationProtection": (*Server).updateTerminationProtection,
}

// writes are the actions that change something.
var writes = map[string]bool{
	"CreateChangeSet": true, "ExecuteChangeSet": true, "DeleteChangeSet": true, "DeleteStack": true,
	"ContinueUpdateRollback": true, "UpdateTerminationProtection": true,
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil || r.Method != http.MethodPost {
		refuse(w, http.StatusBadRequest, "MalformedQueryString", "the request is not a form")
		return
	}
	action := r.PostForm.Get("Action")
	act, ok := actions[action]
	if !ok || r.PostForm.Get("Version") != "2010-05-15" {
		refuse(w, http.StatusBadRequest, "InvalidAction", "Could not find operation "+action+" for version "+r.PostForm.Get("Version"))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.judge = judgeOf(r.Context())
	s.calls[action]++
	s.sent = append(s.sent, Call{Action: action, Form: r.PostForm})
	s.advance()
	refusal := s.refusal(action)
	if refusal != nil && !refusal.Acted {
		refuse(w, refusal.Status, refusal.Code, refusal.Message)
		return
	}
	result, err := act(s, r.PostForm)
	s.advance()
	switch {
	case err != nil:
		code, message := explain(err)
		refuse(w, http.StatusBadRequest, code, message)
	case refusal != nil:
		refuse(w, refusal.Status, refusal.Code, refusal.Message)
	default:
		answer(w, action, result)
	}
}
