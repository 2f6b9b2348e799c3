package cloudformation

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/template"
)

// validateTemplate implements ValidateTemplate.
func (s *Server) validateTemplate(form url.Values) ([]element, error) {
	t, err := template.Parse([]byte(form.Get("TemplateBody")))
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
	st, create := s.engine.find(form.Get("StackName")), form.Get("ChangeSetType") == "CREATE"
	if st != nil {
		if _, c := s.engine.findChangeSet(st.name, form.Get("ChangeSetName")); c != nil && c.token != "" && c.token == form.Get("ClientToken") {
			return []element{text("Id", c.id), text("StackId", st.id)}, nil
		} else if c != nil {
			return nil, coded("AlreadyExistsException", "ChangeSet "+c.id+" cannot be created because it already exists")
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
		st = s.engine.newStack(form.Get("StackName"))
	}
	now := s.engine.options.Now()
	c := &changeSet{
		name: form.Get("ChangeSetName"), token: form.Get("ClientToken"), create: create, wanted: w, created: now,
		ready: now.Add(s.engine.options.Step), status: "CREATE_COMPLETE", execution: "AVAILABLE",
	}
	c.id = "arn:aws:cloudformation:" + s.engine.options.Region + ":" + s.engine.options.Account + ":changeSet/" + c.name + "/" + s.engine.random(st.id, c.name)[:32]
	if c.changes, err = s.engine.compare(st, w); err != nil {
		c.status, c.reason = "FAILED", err.Error()
	} else if len(c.changes) == 0 && st.template != nil && fmt.Sprint(st.template.Outputs) == fmt.Sprint(w.template.Outputs) {
		c.status, c.reason = "FAILED", noChanges
	}
	st.changeSets = append(st.changeSets, c)
	return []element{text("Id", c.id), text("StackId", st.id)}, nil
}

// mayChange says whether a change set may be made now.
func mayChange(st *stack, name string, create bool) error {
	switch {
	case create && st != nil && st.status != "REVIEW_IN_PROGRESS":
		return coded("AlreadyExistsException", "Stack ["+name+"] already exists and cannot be created again with the changeSet ["+name+"].")
	case !create && st == nil:
		return template.Wrong("Stack [%s] does not exist", name)
	case create:
		return nil
	}
	switch st.status {
	case "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE":
		return nil
	}
	return template.Wrong("Stack:%s is in %s state and can not be updated.", st.id, st.status)
}

// wantedOf reads what a change set asks for.
func (s *Server) wantedOf(st *stack, form url.Values) (wanted, error) {
	w := wanted{body: form.Get("TemplateBody"), tags: pairs(form, "Tags", "Key", "Value")}
	if form.Get("UsePreviousTemplate") == "true" && st != nil {
		w.body = st.body
	}
	if len(w.body) > 51200 {
		return w, template.Wrong("1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to 51200")
	}
	var err error
	if w.template, err = template.Parse([]byte(w.body)); err != nil {
		return w, err
	}
	given := pairs(form, "Parameters", "ParameterKey", "ParameterValue")
	for _, name := range previous(form) {
		if st == nil || st.parameters == nil {
			return w, template.Wrong("Parameters: [%s] must have values", name)
		}
		given[name] = st.parameters[name]
	}
	if w.parameters, err = w.template.CompleteParameters(given); err != nil {
		return w, err
	}
	have := members(form, "Capabilities")
	for _, needed := range template.Capabilities(w.template) {
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
	st, c := s.engine.findChangeSet(form.Get("StackName"), form.Get("ChangeSetName"))
	if c == nil {
		return nil, coded("ChangeSetNotFound", "ChangeSet ["+form.Get("ChangeSetName")+"] does not exist")
	}
	status, execution, reason := c.current(s.engine.options.Now())
	out := []element{
		text("ChangeSetName", c.name), text("ChangeSetId", c.id), text("StackId", st.id), text("StackName", st.name),
		text("Status", status), text("ExecutionStatus", execution), text("StatusReason", reason), moment("CreationTime", c.created),
	}
	if status != "CREATE_COMPLETE" {
		return out, nil
	}
	part, next := page(c.changes, form.Get("NextToken"))
	var changes [][]element
	for _, change := range part {
		var details [][]element
		for _, p := range change.properties {
			attribute, name, _ := strings.Cut(p, ".")
			details = append(details, []element{group("Target", text("Attribute", attribute), text("Name", name)), text("Evaluation", "Static")})
		}
		changes = append(changes, []element{text("Type", "Resource"), group("ResourceChange",
			text("Action", change.action), text("LogicalResourceId", change.id), text("PhysicalResourceId", change.physical),
			text("ResourceType", change.kind), text("Replacement", change.replacement), list("Details", details...))})
	}
	return append(out, list("Changes", changes...), text("NextToken", next)), nil
}

// listChangeSets implements ListChangeSets.
func (s *Server) listChangeSets(form url.Values) ([]element, error) {
	st := s.engine.find(form.Get("StackName"))
	if st == nil {
		return nil, template.Wrong("Stack [%s] does not exist", form.Get("StackName"))
	}
	var out [][]element
	for _, c := range st.changeSets {
		status, execution, _ := c.current(s.engine.options.Now())
		out = append(out, []element{text("ChangeSetId", c.id), text("ChangeSetName", c.name), text("Status", status),
			text("ExecutionStatus", execution), moment("CreationTime", c.created)})
	}
	return []element{list("Summaries", out...)}, nil
}

// executeChangeSet implements ExecuteChangeSet.
func (s *Server) executeChangeSet(form url.Values) ([]element, error) {
	st, c := s.engine.findChangeSet(form.Get("StackName"), form.Get("ChangeSetName"))
	if c == nil {
		return nil, coded("ChangeSetNotFound", "ChangeSet ["+form.Get("ChangeSetName")+"] does not exist")
	}
	token := form.Get("ClientRequestToken")
	if token != "" && st.executed == c.id+token {
		return nil, nil // the same request again
	}
	if status, execution, _ := c.current(s.engine.options.Now()); execution != "AVAILABLE" {
		return nil, coded("InvalidChangeSetStatus", "ChangeSet ["+c.id+"] cannot be executed in its current status of ["+status+"/"+execution+"]")
	}
	if st.busy() {
		return nil, template.Wrong("Stack:%s is in %s state and can not be updated.", st.id, st.status)
	}
	st.changeSets = []*changeSet{c} // the others no longer fit
	c.execution, st.executed, st.changeSet = "EXECUTE_COMPLETE", c.id+token, c.id
	o := &operation{kind: "UPDATE", token: token}
	if c.create {
		o.kind = "CREATE"
	} else {
		o.before = &picture{wanted: st.wanted, live: cloneLive(st.live), order: slices.Clone(st.order), outputs: st.outputs}
		st.updated = s.engine.options.Now()
	}
	st.wanted, st.stuck = c.wanted, nil
	var removals []task
	for _, change := range c.changes {
		switch change.action {
		case "Add":
			o.tasks = append(o.tasks, task{action: "CREATE", id: change.id})
		case "Modify":
			o.tasks = append(o.tasks, task{action: "UPDATE", id: change.id})
		case "Remove":
			removals = append(removals, task{action: "DELETE", id: change.id})
		}
	}
	if !c.create {
		o.tasks = append(o.tasks, task{action: "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"})
	}
	o.tasks = append(append(o.tasks, removals...), task{})
	s.engine.begin(st, o)
	return nil, nil
}

// deleteChangeSet implements DeleteChangeSet: what does not exist is deleted already.
func (s *Server) deleteChangeSet(form url.Values) ([]element, error) {
	st, c := s.engine.findChangeSet(form.Get("StackName"), form.Get("ChangeSetName"))
	if c != nil && c.execution == "EXECUTE_IN_PROGRESS" {
		return nil, coded("InvalidChangeSetStatus", "The change set ["+c.id+"] is being executed")
	}
	if c != nil {
		st.changeSets = slices.DeleteFunc(st.changeSets, func(other *changeSet) bool { return other == c })
	}
	return nil, nil
}
