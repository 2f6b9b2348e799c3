package cloudformation

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/stack"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/template"
)

// describeStacks implements DescribeStacks.
func (s *Server) describeStacks(form url.Values) ([]element, error) {
	var found []*stack.Stack
	if name := form.Get("StackName"); name == "" {
		for _, st := range s.engine.Stacks {
			if st.Status != "DELETE_COMPLETE" {
				found = append(found, st)
			}
		}
	} else if st := s.engine.Find(name); st != nil {
		found = append(found, st)
	} else {
		return nil, template.Wrong("Stack with id %s does not exist", name)
	}
	var out [][]element
	for _, st := range found {
		protected := "false"
		if st.Protected {
			protected = "true"
		}
		out = append(out, []element{
			text("StackId", st.ID), text("StackName", st.Name), text("StackStatus", st.Status), text("StackStatusReason", st.Reason), text("ChangeSetId", st.ChangeSet),
			moment("CreationTime", st.Created), moment("LastUpdatedTime", st.Updated), text("EnableTerminationProtection", protected),
			keyed("Parameters", "ParameterKey", "ParameterValue", shownParameters(st)),
			keyed("Outputs", "OutputKey", "OutputValue", st.Outputs), keyed("Tags", "Key", "Value", st.Tags),
		})
	}
	return []element{list("Stacks", out...)}, nil
}

// shownParameters hides those that are not to be echoed.
func shownParameters(st *stack.Stack) map[string]string {
	out := map[string]string{}
	for name, value := range st.Parameters {
		if st.Template.Parameters[name].NoEcho {
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
	st := s.engine.Find(form.Get("StackName"))
	if st == nil {
		return nil, template.Wrong("Stack [%s] does not exist", form.Get("StackName"))
	}
	part, next := eventPage(st.Events, form.Get("NextToken"))
	var out [][]element
	for _, e := range part {
		out = append(out, []element{
			text("StackId", st.ID), text("StackName", st.Name), text("EventId", e.ID), moment("Timestamp", e.Time),
			text("LogicalResourceId", e.LogicalID), text("PhysicalResourceId", e.PhysicalID), text("ResourceType", e.Type),
			text("ResourceStatus", e.Status), text("ResourceStatusReason", e.Reason), text("ClientRequestToken", e.Token),
		})
	}
	return []element{list("StackEvents", out...), text("NextToken", next)}, nil
}

// eventPage cuts the events, newest first. A token names an event, so that what
// comes meanwhile shifts nothing.
func eventPage(events []stack.Event, token string) (part []stack.Event, next string) {
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
	st := s.engine.Find(form.Get("StackName"))
	if st == nil {
		return nil, template.Wrong("Stack with id %s does not exist", form.Get("StackName"))
	}
	var out [][]element
	for _, id := range template.SortedKeys(st.Live) {
		l := st.Live[id]
		out = append(out, []element{
			text("StackId", st.ID), text("StackName", st.Name), text("LogicalResourceId", id), text("PhysicalResourceId", l.PhysicalID),
			text("ResourceType", l.Type), moment("Timestamp", st.Created), text("ResourceStatus", l.Status),
		})
	}
	return []element{list("StackResources", out...)}, nil
}

// getTemplate implements GetTemplate.
func (s *Server) getTemplate(form url.Values) ([]element, error) {
	st := s.engine.Find(form.Get("StackName"))
	if st == nil || st.Template == nil {
		return nil, template.Wrong("Stack with id %s does not exist", form.Get("StackName"))
	}
	return []element{text("TemplateBody", st.Body), texts("StagesAvailable", []string{"Original", "Processed"})}, nil
}

// deleteStack implements DeleteStack. What does not exist is deleted already.
func (s *Server) deleteStack(form url.Values) ([]element, error) {
	st := s.engine.Find(form.Get("StackName"))
	switch {
	case st == nil || st.Status == "DELETE_COMPLETE" || st.Status == "DELETE_IN_PROGRESS":
		return nil, nil
	case st.Protected:
		return nil, template.Wrong("Stack [%s] cannot be deleted while TerminationProtection is enabled", st.Name)
	case st.Busy() && st.Status != "CREATE_IN_PROGRESS":
		return nil, template.Wrong("Stack [%s] is in %s state and can not be deleted.", st.ID, st.Status)
	}
	retain := members(form, "RetainResources")
	if len(retain) > 0 && st.Status != "DELETE_FAILED" {
		return nil, template.Wrong("Invalid operation on stack [%s]. Specify a list of resources to retain only when the stack status is DELETE_FAILED.", st.ID)
	}
	if st.Template == nil { // change sets only
		st.Status, st.ChangeSets = "DELETE_COMPLETE", nil
		return nil, nil
	}
	st.Operation = nil
	s.engine.Begin(st, &stack.Operation{Kind: "DELETE", Token: form.Get("ClientRequestToken"), Retain: retain, Tasks: stack.Deletions(st)})
	return nil, nil
}

// continueUpdateRollback implements ContinueUpdateRollback.
func (s *Server) continueUpdateRollback(form url.Values) ([]element, error) {
	st := s.engine.Find(form.Get("StackName"))
	if st == nil {
		return nil, template.Wrong("Stack [%s] does not exist", form.Get("StackName"))
	}
	if token := form.Get("ClientRequestToken"); token != "" && st.Events[len(st.Events)-1].Token == token {
		return nil, nil // the same request again
	}
	if st.Status != "UPDATE_ROLLBACK_FAILED" {
		return nil, template.Wrong("Stack:%s is in %s state and can not continue rollback.", st.ID, st.Status)
	}
	skip := members(form, "ResourcesToSkip")
	tasks := slices.DeleteFunc(s.engine.Revert(st, st.Stuck), func(t stack.Task) bool { return t.Action == "REVERT" && slices.Contains(skip, t.ID) })
	s.engine.BeginWith(st, &stack.Operation{Kind: "UPDATE_ROLLBACK", Token: form.Get("ClientRequestToken"), Judge: s.engine.Judge, Before: st.Stuck, Tasks: tasks}, "User Initiated")
	return nil, nil
}

// updateTerminationProtection implements UpdateTerminationProtection.
func (s *Server) updateTerminationProtection(form url.Values) ([]element, error) {
	st := s.engine.Find(form.Get("StackName"))
	if st == nil || strings.HasPrefix(st.Status, "DELETE_") && st.Status != "DELETE_FAILED" {
		return nil, template.Wrong("Stack [%s] does not exist", form.Get("StackName"))
	}
	st.Protected = form.Get("EnableTerminationProtection") == "true"
	return []element{text("StackId", st.ID)}, nil
}
