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

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/stack"
)

// Server is the service. It is an http.Handler.
type Server struct {
	mu       sync.Mutex
	engine   *stack.Engine
	refusals []*Refusal
	calls    map[string]int
	sent     []Call
}

// New makes a service without stacks.
func New(o stack.Options) *Server { return &Server{engine: stack.New(o), calls: map[string]int{}} }

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
	s.engine.Judge = judgeOf(r.Context())
	s.calls[action]++
	s.sent = append(s.sent, Call{Action: action, Form: r.PostForm})
	s.engine.Advance()
	refusal := s.refusal(action)
	if refusal != nil && !refusal.Acted {
		refuse(w, refusal.Status, refusal.Code, refusal.Message)
		return
	}
	result, err := act(s, r.PostForm)
	s.engine.Advance()
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
