package cloudformation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/resource"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/template"
)

// stack is one stack and all that is known of it.
type stack struct {
	id, name   string
	status     string
	reason     string
	created    time.Time
	updated    time.Time
	protected  bool
	executed   string // change set and token of the last execution
	changeSet  string // ARN of the last one that was executed
	wanted            // what it was last told, successfully
	outputs    map[string]string
	live       map[string]*resource.Live
	order      []string // of creation
	changeSets []*changeSet
	events     []Event // oldest first
	operation  *operation
	stuck      *picture // of a rollback that failed
}

// wanted is what a stack was told.
type wanted struct {
	body       string
	template   *template.Template
	parameters map[string]string
	tags       map[string]string
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
func (s *engine) scope(st *stack, w wanted, live map[string]*resource.Live, known map[string]string) *template.Scope {
	return &template.Scope{
		Template: w.template, Parameters: w.parameters, Live: live, Known: known,
		Pseudo: map[string]string{
			"AWS::Region": s.options.Region, "AWS::AccountId": s.options.Account, "AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com",
			"AWS::StackName": st.name, "AWS::StackId": st.id,
		},
	}
}

// present lists the resources whose conditions hold, in order of dependency.
func (s *engine) present(st *stack, w wanted) ([]string, error) {
	sc := s.scope(st, w, nil, nil)
	var ids []string
	for _, id := range w.template.Order {
		there, err := sc.Exists(w.template.Resources[id].Condition)
		if err != nil {
			return nil, err
		}
		if there {
			ids = append(ids, id)
		}
	}
	return template.InOrder(w.template, ids)
}

// evaluateOutputs gives the outputs whose conditions hold.
func (s *engine) evaluateOutputs(st *stack) (map[string]string, error) {
	sc := s.scope(st, st.wanted, st.live, nil)
	out := map[string]string{}
	for _, name := range template.SortedKeys(st.template.Outputs) {
		o := st.template.Outputs[name]
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
func (s *engine) event(st *stack, logical, physical, kind, status, reason string) {
	token := ""
	if st.operation != nil {
		token = st.operation.token
	}
	st.events = append(st.events, Event{
		ID: s.random(st.id, logical, status)[:32], Time: s.options.Now(), LogicalID: logical, PhysicalID: physical,
		Type: kind, Status: status, Reason: reason, Token: token,
	})
}

// become changes the state of a stack.
func (s *engine) become(st *stack, status, reason string) {
	st.status, st.reason = status, reason
	s.event(st, st.name, st.id, stackType, status, reason)
}

// busy says whether something is under way.
func (st *stack) busy() bool {
	return strings.HasSuffix(st.status, "_IN_PROGRESS") && st.status != "REVIEW_IN_PROGRESS"
}

// find gives a stack by name or ARN; deleted ones by ARN only.
func (s *engine) find(name string) *stack {
	for _, st := range slices.Backward(s.stacks) {
		if st.id == name || st.name == name && st.status != "DELETE_COMPLETE" {
			return st
		}
	}
	return nil
}

// cloneLive copies the resources, so that a rollback finds them as they were.
func cloneLive(live map[string]*resource.Live) map[string]*resource.Live {
	out := map[string]*resource.Live{}
	for id, l := range live {
		c := *l
		c.Tags, c.Attributes = maps.Clone(l.Tags), maps.Clone(l.Attributes)
		out[id] = &c
	}
	return out
}

// newStack makes a stack that holds change sets only.
func (s *engine) newStack(name string) *stack {
	st := &stack{name: name, created: s.options.Now(), live: map[string]*resource.Live{}}
	st.id = "arn:aws:cloudformation:" + s.options.Region + ":" + s.options.Account + ":stack/" + name + "/" + s.random(name)[:32]
	s.stacks = append(s.stacks, st)
	s.become(st, "REVIEW_IN_PROGRESS", "User Initiated")
	return st
}
