package cloudformation

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/stack"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/template"
)

// validateTemplate implements ValidateTemplate.
func (s *Server) validateTemplate(form url.Values) ([]element, error) {
	t, err := template.Known(form.Get("TemplateBody"))
	if err != nil {
		return nil, err
	}
	var list []element
	for _, name := range template.SortedKeys(t.Parameters) {
		p := t.Parameters[name]
		list = append(list, group("member", text("ParameterKey", name), text("NoEcho", fmt.Sprint(p.NoEcho)), text("Description", p.Description)))
	}
	return []element{text("Description", t.Description), group("Parameters", list...), texts("Capabilities", template.Capabilities(t))}, nil
}

// createChangeSet implements CreateChangeSet.
func (s *Server) createChangeSet(form url.Values) ([]element, error) {
	st, create := s.engine.Find(form.Get("StackName")), form.Get("ChangeSetType") == "CREATE"
	if st != nil {
		if _, c := s.engine.FindChangeSet(st.Name, form.Get("ChangeSetName")); c != nil && c.Token != "" && c.Token == form.Get("ClientToken") {
			return []element{text("Id", c.ID), text("StackId", st.ID)}, nil
		} else if c != nil {
			return nil, coded("AlreadyExistsException", "ChangeSet "+c.ID+" cannot be created because it already exists")
		}
	}
	if err := mayChange(st, form.Get("StackName"), create); err != nil {
		return nil, err
	}
	w, err := s.wantedOf(st, form)
	if err != nil {
		return nil, err
	}
	if st == nil {
		st = s.engine.NewStack(form.Get("StackName"))
	}
	now := s.engine.Options.Now()
	c := &stack.ChangeSet{
		Name: form.Get("ChangeSetName"), Token: form.Get("ClientToken"), Create: create, Wanted: w, Created: now,
		Ready: now.Add(s.engine.Options.Step), Status: "CREATE_COMPLETE", Execution: "AVAILABLE",
	}
	c.ID = "arn:aws:cloudformation:" + s.engine.Options.Region + ":" + s.engine.Options.Account + ":changeSet/" + c.Name + "/" + s.engine.Random(st.ID, c.Name)[:32]
	if c.Changes, err = s.engine.Compare(st, w); err != nil {
		c.Status, c.Reason = "FAILED", err.Error()
	} else if len(c.Changes) == 0 && st.Template != nil && fmt.Sprint(st.Template.Outputs) == fmt.Sprint(w.Template.Outputs) {
		c.Status, c.Reason = "FAILED", stack.NoChanges
	}
	st.ChangeSets = append(st.ChangeSets, c)
	return []element{text("Id", c.ID), text("StackId", st.ID)}, nil
}

// mayChange says whether a change set may be made now.
func mayChange(st *stack.Stack, name string, create bool) error {
	switch {
	case create && st != nil && st.Status != "REVIEW_IN_PROGRESS":
		return coded("AlreadyExistsException", "Stack ["+name+"] already exists and cannot be created again with the changeSet ["+name+"].")
	case !create && st == nil:
		return template.Wrong("Stack [%s] does not exist", name)
	case create:
		return nil
	}
	switch st.Status {
	case "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE":
		return nil
	}
	return template.Wrong("Stack:%s is in %s state and can not be updated.", st.ID, st.Status)
}

// wantedOf reads what a change set asks for.
func (s *Server) wantedOf(st *stack.Stack, form url.Values) (stack.Wanted, error) {
	w := stack.Wanted{Body: form.Get("TemplateBody"), Tags: pairs(form, "Tags", "Key", "Value")}
	if form.Get("UsePreviousTemplate") == "true" && st != nil {
		w.Body = st.Body
	}
	if len(w.Body) > 51200 {
		return w, template.Wrong("1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to 51200")
	}
	var err error
	if w.Template, err = template.Known(w.Body); err != nil {
		return w, err
	}
	given := pairs(form, "Parameters", "ParameterKey", "ParameterValue")
	for _, name := range previous(form) {
		if st == nil || st.Parameters == nil {
			return w, template.Wrong("Parameters: [%s] must have values", name)
		}
		given[name] = st.Parameters[name]
	}
	if w.Parameters, err = w.Template.CompleteParameters(given); err != nil {
		return w, err
	}
	have := members(form, "Capabilities")
	for _, needed := range template.Capabilities(w.Template) {
		if !slices.Contains(have, needed) && !slices.Contains(have, "CAPABILITY_NAMED_IAM") {
			return w, coded("InsufficientCapabilitiesException", "Requires capabilities : ["+needed+"]")
		}
	}
	return w, nil
}

// pageSize is how many changes, and how many events, one answer holds.
const pageSize = 25

// page cuts a list, and says where the next page begins.
func page[T any](items []T, token string) (part []T, next string) {
	from := 0
	_, _ = fmt.Sscanf(token, "from-%d", &from)
	from = min(from, len(items))
	to := min(from+pageSize, len(items))
	if to < len(items) {
		next = fmt.Sprintf("from-%d", to)
	}
	return items[from:to], next
}

// describeChangeSet implements DescribeChangeSet.
func (s *Server) describeChangeSet(form url.Values) ([]element, error) {
	st, c := s.engine.FindChangeSet(form.Get("StackName"), form.Get("ChangeSetName"))
	if c == nil {
		return nil, coded("ChangeSetNotFound", "ChangeSet ["+form.Get("ChangeSetName")+"] does not exist")
	}
	status, execution, reason := c.Current(s.engine.Options.Now())
	out := []element{
		text("ChangeSetName", c.Name), text("ChangeSetId", c.ID), text("StackId", st.ID), text("StackName", st.Name),
		text("Status", status), text("ExecutionStatus", execution), text("StatusReason", reason), moment("CreationTime", c.Created),
	}
	if status != "CREATE_COMPLETE" {
		return out, nil
	}
	part, next := page(c.Changes, form.Get("NextToken"))
	var changes [][]element
	for _, change := range part {
		var details [][]element
		for _, p := range change.Properties {
			attribute, name, _ := strings.Cut(p, ".")
			details = append(details, []element{group("Target", text("Attribute", attribute), text("Name", name)), text("Evaluation", "Static")})
		}
		changes = append(changes, []element{text("Type", "Resource"), group("ResourceChange",
			text("Action", change.Action), text("LogicalResourceId", change.ID), text("PhysicalResourceId", change.Physical),
			text("ResourceType", change.Kind), text("Replacement", change.Replacement), list("Details", details...))})
	}
	return append(out, list("Changes", changes...), text("NextToken", next)), nil
}

// listChangeSets implements ListChangeSets.
func (s *Server) listChangeSets(form url.Values) ([]element, error) {
	st := s.engine.Find(form.Get("StackName"))
	if st == nil {
		return nil, template.Wrong("Stack [%s] does not exist", form.Get("StackName"))
	}
	var out [][]element
	for _, c := range st.ChangeSets {
		status, execution, _ := c.Current(s.engine.Options.Now())
		out = append(out, []element{text("ChangeSetId", c.ID), text("ChangeSetName", c.Name), text("Status", status),
			text("ExecutionStatus", execution), moment("CreationTime", c.Created)})
	}
	return []element{list("Summaries", out...)}, nil
}

// executeChangeSet implements ExecuteChangeSet.
func (s *Server) executeChangeSet(form url.Values) ([]element, error) {
	st, c := s.engine.FindChangeSet(form.Get("StackName"), form.Get("ChangeSetName"))
	if c == nil {
		return nil, coded("ChangeSetNotFound", "ChangeSet ["+form.Get("ChangeSetName")+"] does not exist")
	}
	token := form.Get("ClientRequestToken")
	if token != "" && st.Executed == c.ID+token {
		return nil, nil // the same request again
	}
	if status, execution, _ := c.Current(s.engine.Options.Now()); execution != "AVAILABLE" {
		return nil, coded("InvalidChangeSetStatus", "ChangeSet ["+c.ID+"] cannot be executed in its current status of ["+status+"/"+execution+"]")
	}
	if st.Busy() {
		return nil, template.Wrong("Stack:%s is in %s state and can not be updated.", st.ID, st.Status)
	}
	st.ChangeSets = []*stack.ChangeSet{c} // the others no longer fit
	c.Execution, st.Executed, st.ChangeSet = "EXECUTE_COMPLETE", c.ID+token, c.ID
	o := &stack.Operation{Kind: "UPDATE", Token: token}
	if c.Create {
		o.Kind = "CREATE"
	} else {
		o.Before = &stack.Picture{Wanted: st.Wanted, Live: stack.CloneLive(st.Live), Order: slices.Clone(st.Order), Outputs: st.Outputs}
		st.Updated = s.engine.Options.Now()
	}
	st.Wanted, st.Stuck = c.Wanted, nil
	var removals []stack.Task
	for _, change := range c.Changes {
		switch change.Action {
		case "Add":
			o.Tasks = append(o.Tasks, stack.Task{Action: "CREATE", ID: change.ID})
		case "Modify":
			o.Tasks = append(o.Tasks, stack.Task{Action: "UPDATE", ID: change.ID})
		case "Remove":
			removals = append(removals, stack.Task{Action: "DELETE", ID: change.ID})
		}
	}
	if !c.Create {
		o.Tasks = append(o.Tasks, stack.Task{Action: "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"})
	}
	o.Tasks = append(append(o.Tasks, removals...), stack.Task{})
	s.engine.Begin(st, o)
	return nil, nil
}

// deleteChangeSet implements DeleteChangeSet: what does not exist is deleted already.
func (s *Server) deleteChangeSet(form url.Values) ([]element, error) {
	st, c := s.engine.FindChangeSet(form.Get("StackName"), form.Get("ChangeSetName"))
	if c != nil && c.Execution == "EXECUTE_IN_PROGRESS" {
		return nil, coded("InvalidChangeSetStatus", "The change set ["+c.ID+"] is being executed")
	}
	if c != nil {
		st.ChangeSets = slices.DeleteFunc(st.ChangeSets, func(other *stack.ChangeSet) bool { return other == c })
	}
	return nil, nil
}
