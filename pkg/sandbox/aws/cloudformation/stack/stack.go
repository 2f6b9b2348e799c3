package stack

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/resource"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/template"
)

// Stack is one stack and all that is known of it.
type Stack struct {
	ID, Name   string
	Status     string
	Reason     string
	Created    time.Time
	Updated    time.Time
	Protected  bool
	Executed   string // change set and token of the last execution
	ChangeSet  string // ARN of the last one that was executed
	Wanted            // what it was last told, successfully
	Outputs    map[string]string
	Live       map[string]*resource.Live
	Order      []string // of creation
	ChangeSets []*ChangeSet
	Events     []Event // oldest first
	Operation  *Operation
	Stuck      *Picture // of a rollback that failed
}

// Wanted is what a stack was told.
type Wanted struct {
	Body       string
	Template   *template.Template
	Parameters map[string]string
	Tags       map[string]string
}

// Event is one line of a stack's history.
type Event struct {
	ID         string
	Time       time.Time
	LogicalID  string
	PhysicalID string
	Type       string
	Status     string
	Reason     string
	Token      string // of the request that began the operation
}

const stackType = "AWS::CloudFormation::Stack"

// scope is what names mean in a template for this stack.
func (s *Engine) scope(st *Stack, w Wanted, live map[string]*resource.Live, known map[string]string) *template.Scope {
	return &template.Scope{
		Template: w.Template, Parameters: w.Parameters, Live: live, Known: known,
		Pseudo: map[string]string{
			"AWS::Region": s.Options.Region, "AWS::AccountId": s.Options.Account, "AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com",
			"AWS::StackName": st.Name, "AWS::StackId": st.ID,
		},
	}
}

// present lists the resources whose conditions hold, in order of dependency.
func (s *Engine) present(st *Stack, w Wanted) ([]string, error) {
	sc := s.scope(st, w, nil, nil)
	var ids []string
	for _, id := range w.Template.Order {
		there, err := sc.Exists(w.Template.Resources[id].Condition)
		if err != nil {
			return nil, err
		}
		if there {
			ids = append(ids, id)
		}
	}
	return template.InOrder(w.Template, ids)
}

// evaluateOutputs gives the outputs whose conditions hold.
func (s *Engine) evaluateOutputs(st *Stack) (map[string]string, error) {
	sc := s.scope(st, st.Wanted, st.Live, nil)
	out := map[string]string{}
	for _, name := range template.SortedKeys(st.Template.Outputs) {
		o := st.Template.Outputs[name]
		there, err := sc.Exists(o.Condition)
		if err != nil {
			return nil, err
		}
		if !there {
			continue
		}
		value, err := sc.Value(o.Value)
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", name, err)
		}
		if _, isText := value.(string); !isText {
			return nil, template.Wrong("Template format error: Output %s is malformed", name)
		}
		out[name] = fmt.Sprint(value)
	}
	return out, nil
}

// event adds a line to the history.
func (s *Engine) event(st *Stack, logical, physical, kind, status, reason string) {
	token := ""
	if st.Operation != nil {
		token = st.Operation.Token
	}
	st.Events = append(st.Events, Event{
		ID: s.Random(st.ID, logical, status)[:32], Time: s.Options.Now(), LogicalID: logical, PhysicalID: physical,
		Type: kind, Status: status, Reason: reason, Token: token,
	})
}

// become changes the state of a stack.
func (s *Engine) become(st *Stack, status, reason string) {
	st.Status, st.Reason = status, reason
	s.event(st, st.Name, st.ID, stackType, status, reason)
}

// Busy says whether something is under way.
func (st *Stack) Busy() bool {
	return strings.HasSuffix(st.Status, "_IN_PROGRESS") && st.Status != "REVIEW_IN_PROGRESS"
}

// Find gives a stack by name or ARN; deleted ones by ARN only.
func (s *Engine) Find(name string) *Stack {
	for _, st := range slices.Backward(s.Stacks) {
		if st.ID == name || st.Name == name && st.Status != "DELETE_COMPLETE" {
			return st
		}
	}
	return nil
}

// CloneLive copies the resources, so that a rollback finds them as they were.
func CloneLive(live map[string]*resource.Live) map[string]*resource.Live {
	out := map[string]*resource.Live{}
	for id, l := range live {
		c := *l
		c.Tags, c.Attributes = maps.Clone(l.Tags), maps.Clone(l.Attributes)
		out[id] = &c
	}
	return out
}

// NewStack makes a stack that holds change sets only.
func (s *Engine) NewStack(name string) *Stack {
	st := &Stack{Name: name, Created: s.Options.Now(), Live: map[string]*resource.Live{}}
	st.ID = "arn:aws:cloudformation:" + s.Options.Region + ":" + s.Options.Account + ":stack/" + name + "/" + s.Random(name)[:32]
	s.Stacks = append(s.Stacks, st)
	s.become(st, "REVIEW_IN_PROGRESS", "User Initiated")
	return st
}
