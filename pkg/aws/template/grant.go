package template

import (
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// grant is one right: a statement says it for each of its actions and resources.
type grant struct {
	place     string // of the policy in its resource: "Policies/0/PolicyDocument"
	effect    string // "Allow"
	who       string // of a trust policy: "Service: ec2.amazonaws.com"
	action    string // "ec2:AttachVolume", or with not: "everything but iam:*"
	resource  string // "arn:aws:ec2:…:volume/*"
	condition string // "StringEquals aws:ResourceTag/perpetual:name: ci"
}

// policyOf reads a policy, which may be written as JSON text.
func policyOf(value any) (grants []grant, is bool) {
	if text, ok := value.(string); ok && strings.HasPrefix(strings.TrimSpace(text), "{") && strings.Contains(text, `"Statement"`) {
		var node yaml.Node // JSON is YAML
		if yaml.Unmarshal([]byte(text), &node) != nil || len(node.Content) == 0 {
			return nil, false
		}
		budget := most
		value = decode(node.Content[0], 0, &budget)
	}
	m, ok := value.(map[string]any)
	statements, there := m["Statement"]
	if !ok || !there {
		return nil, false
	}
	for _, item := range many(statements) {
		if statement, ok := item.(map[string]any); ok {
			grants = append(grants, grantsOf(statement)...)
		}
	}
	return grants, true
}

// holdsPolicy says whether an item has a policy in it.
func holdsPolicy(item any) bool {
	m, _ := item.(map[string]any)
	for _, value := range m {
		if _, is := policyOf(value); is {
			return true
		}
	}
	return false
}

// grantsOf takes a statement apart.
func grantsOf(statement map[string]any) (grants []grant) {
	base := grant{effect: flat(statement["Effect"]), condition: conditionOf(statement["Condition"])}
	for _, key := range []string{"Principal", "NotPrincipal"} {
		if who, there := statement[key]; there {
			base.who += strings.TrimSuffix(key, "Principal") + flat(who)
		}
	}
	actions := list(statement, "Action", "everything but ")
	resources := list(statement, "Resource", "everything but ")
	for _, action := range actions {
		for _, resource := range resources {
			g := base
			g.action, g.resource = action, resource
			grants = append(grants, g)
		}
	}
	return grants
}

// list are the values of a key. Those of its opposite, NotAction, are one: they say
// together what is left out.
func list(statement map[string]any, key, not string) (out []string) {
	for _, value := range many(statement[key]) {
		out = append(out, flat(value))
	}
	if but, there := statement["Not"+key]; there {
		out = append(out, not+flat(many(but)))
	}
	if len(out) == 0 {
		return []string{""}
	}
	return out
}

// many is a value as a list.
func many(value any) []any {
	switch v := value.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{value}
}

// conditionOf is a condition on one line, the same for the same condition.
func conditionOf(value any) string {
	operators, _ := value.(map[string]any)
	var parts []string
	for _, operator := range slices.Sorted(maps.Keys(operators)) {
		keys, _ := operators[operator].(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			parts = append(parts, operator+" "+key+": "+flat(keys[key]))
		}
	}
	return strings.Join(parts, ", ")
}

// grantLines say which rights of a resource go and which come.
func grantLines(id string, before, after []grant) []string {
	gone := slices.DeleteFunc(slices.Clone(before), func(g grant) bool { return slices.Contains(after, g) })
	come := slices.DeleteFunc(slices.Clone(after), func(g grant) bool { return slices.Contains(before, g) })
	return append(together("- "+id, gone), together("+ "+id, come)...)
}

// together writes grants that differ in their action or their resource alone as one.
func together(head string, grants []grant) (lines []string) {
	actions := map[grant][]string{} // by all but the action
	var order []grant
	for _, g := range grants {
		key := g
		key.action = ""
		if actions[key] == nil {
			order = append(order, key)
		}
		if !slices.Contains(actions[key], g.action) {
			actions[key] = append(actions[key], g.action)
		}
	}
	resources := map[grant][]string{} // by all but the resource, with the actions joined
	var heads []grant
	for _, key := range order {
		joined := key
		joined.action, joined.resource = strings.Join(actions[key], ", "), ""
		if resources[joined] == nil {
			heads = append(heads, joined)
		}
		resources[joined] = append(resources[joined], key.resource)
	}
	for _, g := range heads {
		g.resource = strings.Join(resources[g], ", ")
		lines = append(lines, g.line(head))
	}
	return lines
}

// line is a grant for people.
func (g grant) line(head string) string {
	if g.place != "" && g.place != "PolicyDocument" {
		head += "/" + g.place
	}
	text := head + ": " + g.effect + " " + g.action
	if g.resource != "" {
		text += " on " + g.resource
	}
	if g.who != "" {
		text += " to " + g.who
	}
	if g.condition != "" {
		text += " if " + g.condition
	}
	return text
}
