package cloudformation

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/template"
)

// describeStacks implements DescribeStacks.
func (s *Server) describeStacks(form url.Values) ([]element, error) {
	var found []*stack
	if name := form.Get("StackName"); name == "" {
		for _, st := range s.engine.stacks {
			if st.status != "DELETE_COMPLETE" {
				found = append(found, st)
			}
		}
	} else if st := s.engine.find(name); st != nil {
		found = append(found, st)
	} else {
		return nil, template.Wrong("Stack with id %s does not exist", name)
	}
	var out [][]element
	for _, st := range found {
		protected := "false"
		if st.protected {
			protected = "true"
		}
		out = append(out, []element{
			text("StackId", st.id), text("StackName", st.name), text("StackStatus", st.status), text("StackStatusReason", st.reason), text("ChangeSetId", st.changeSet),
			moment("CreationTime", st.created), moment("LastUpdatedTime", st.updated), text("EnableTerminationProtection", protected),
			keyed("Parameters", "ParameterKey", "ParameterValue", st.shownParameters()),
			keyed("Outputs", "OutputKey", "OutputValue", st.outputs), keyed("Tags", "Key", "Value", st.tags),
		})
	}
	return []element{list("Stacks", out...)}, nil
}

// shownParameters hides those that are not to be echoed.
func (st *stack) shownParameters() map[string]string {
	out := map[string]string{}
	for name, value := range st.parameters {
		if st.template.Parameters[name].NoEcho {
			value = "****"
		}
		out[name] = value
	}
	return out
}

// keyed makes a list of keys and values.
func keyed(name, key, value string, values map[string]string) element {
	var out [][]element
	for _, k := range template.SortedKeys(values) {
		out = append(out, []element{text(key, k), text(value, values[k])})
	}
	return list(name, out...)
}

// describeStackEvents implements DescribeStackEvents: the newest first.
func (s *Server) describeStackEvents(form url.Values) ([]element, error) {
	st := s.engine.find(form.Get("StackName"))
	if st == nil {
		return nil, template.Wrong("Stack [%s] does not exist", form.Get("StackName"))
	}
	part, next := eventPage(st.events, form.Get("NextToken"))
	var out [][]element
	for _, e := range part {
		out = append(out, []element{
			text("StackId", st.id), text("StackName", st.name), text("EventId", e.ID), moment("Timestamp", e.Time),
			text("LogicalResourceId", e.LogicalID), text("PhysicalResourceId", e.PhysicalID), text("ResourceType", e.Type),
			text("ResourceStatus", e.Status), text("ResourceStatusReason", e.Reason), text("ClientRequestToken", e.Token),
		})
	}
	return []element{list("StackEvents", out...), text("NextToken", next)}, nil
}

// eventPage cuts the events, newest first. A token names an event, so that what
// comes meanwhile shifts nothing.
func eventPage(events []Event, token string) (part []Event, next string) {
	to := len(events)
	_, _ = fmt.Sscanf(token, "before-%d", &to)
	to = max(0, min(to, len(events)))
	from := max(0, to-pageSize)
	part = slices.Clone(events[from:to])
	slices.Reverse(part)
	if from > 0 {
		next = fmt.Sprintf("before-%d", from)
	}
	return part, next
}

// describeStackResources implements DescribeStackResources.
func (s *Server) describeStackResources(form url.Values) ([]element, error) {
	st := s.engine.find(form.Get("StackName"))
	if st == nil {
		return nil, template.Wrong("Stack with id %s does not exist", form.Get("StackName"))
	}
	var out [][]element
	for _, id := range template.SortedKeys(st.live) {
		l := st.live[id]
		out = append(out, []element{
			text("StackId", st.id), text("StackName", st.name), text("LogicalResourceId", id), text("PhysicalResourceId", l.PhysicalID),
			text("ResourceType", l.Type), moment("Timestamp", st.created), text("ResourceStatus", l.Status),
		})
	}
	return []element{list("StackResources", out...)}, nil
}

// getTemplate implements GetTemplate.
func (s *Server) getTemplate(form url.Values) ([]element, error) {
	st := s.engine.find(form.Get("StackName"))
	if st == nil || st.template == nil {
		return nil, template.Wrong("Stack with id %s does not exist", form.Get("StackName"))
	}
	return []element{text("TemplateBody", st.body), texts("StagesAvailable", []string{"Original", "Processed"})}, nil
}

// deleteStack implements DeleteStack. What does not exist is deleted already.
func (s *Server) deleteStack(form url.Values) ([]element, error) {
	st := s.engine.find(form.Get("StackName"))
	switch {
	case st == nil || st.status == "DELETE_COMPLETE" || st.status == "DELETE_IN_PROGRESS":
		return nil, nil
	case st.protected:
		return nil, template.Wrong("Stack [%s] cannot be deleted while TerminationProtection is enabled", st.name)
	case st.busy() && st.status != "CREATE_IN_PROGRESS":
		return nil, template.Wrong("Stack [%s] is in %s state and can not be deleted.", st.id, st.status)
	}
	retain := members(form, "RetainResources")
	if len(retain) > 0 && st.status != "DELETE_FAILED" {
		return nil, template.Wrong("Invalid operation on stack [%s]. Specify a list of resources to retain only when the stack status is DELETE_FAILED.", st.id)
	}
	if st.template == nil { // change sets only
		st.status, st.changeSets = "DELETE_COMPLETE", nil
		return nil, nil
	}
	st.operation = nil
	s.engine.begin(st, &operation{kind: "DELETE", token: form.Get("ClientRequestToken"), retain: retain, tasks: deletions(st)})
	return nil, nil
}

// continueUpdateRollback implements ContinueUpdateRollback.
func (s *Server) continueUpdateRollback(form url.Values) ([]element, error) {
	st := s.engine.find(form.Get("StackName"))
	if st == nil {
		return nil, template.Wrong("Stack [%s] does not exist", form.Get("StackName"))
	}
	if token := form.Get("ClientRequestToken"); token != "" && st.events[len(st.events)-1].Token == token {
		return nil, nil // the same request again
	}
	if st.status != "UPDATE_ROLLBACK_FAILED" {
		return nil, template.Wrong("Stack:%s is in %s state and can not continue rollback.", st.id, st.status)
	}
	skip := members(form, "ResourcesToSkip")
	tasks := slices.DeleteFunc(s.engine.revert(st, st.stuck), func(t task) bool { return t.action == "REVERT" && slices.Contains(skip, t.id) })
	s.engine.beginWith(st, &operation{kind: "UPDATE_ROLLBACK", token: form.Get("ClientRequestToken"), judge: s.engine.judge, before: st.stuck, tasks: tasks}, "User Initiated")
	return nil, nil
}

// updateTerminationProtection implements UpdateTerminationProtection.
func (s *Server) updateTerminationProtection(form url.Values) ([]element, error) {
	st := s.engine.find(form.Get("StackName"))
	if st == nil || strings.HasPrefix(st.status, "DELETE_") && st.status != "DELETE_FAILED" {
		return nil, template.Wrong("Stack [%s] does not exist", form.Get("StackName"))
	}
	st.protected = form.Get("EnableTerminationProtection") == "true"
	return []element{text("StackId", st.id)}, nil
}
