package template

import (
	"fmt"
	"slices"
	"strings"
)

// dependencies are the resources that one refers to.
func dependencies(t *Template, id string) []string {
	r := t.Resources[id]
	out := slices.Clone(r.DependsOn)
	add := func(name string) {
		if _, ok := t.Resources[name]; ok && name != id && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for _, part := range []any{map[string]any(r.Properties), map[string]any(r.Metadata)} {
		Walk(part, func(function string, argument any) {
			switch list, _ := argument.([]any); function {
			case "Ref":
				add(fmt.Sprint(argument))
			case "Fn::GetAtt":
				if len(list) > 0 {
					add(fmt.Sprint(list[0]))
				}
			}
		})
	}
	return out
}

// InOrder sorts resources so that each comes after those that it refers to. It
// fails on a circle.
func InOrder(t *Template, ids []string) ([]string, error) {
	var out []string
	state := map[string]int{} // 1: being visited, 2: done
	var visit func(id string) error
	visit = func(id string) error {
		if !slices.Contains(ids, id) || state[id] == 2 {
			return nil
		}
		if state[id] == 1 {
			return Wrong("Circular dependency between resources: [%s]", id)
		}
		state[id] = 1
		for _, next := range dependencies(t, id) {
			if err := visit(next); err != nil {
				return err
			}
		}
		state[id], out = 2, append(out, id)
		return nil
	}
	for _, id := range ids {
		if err := visit(id); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Capabilities are those that a template needs: it may make roles, and name them.
func Capabilities(t *Template) []string {
	var out []string
	for _, id := range t.Order {
		r := t.Resources[id]
		if !strings.HasPrefix(r.Type, "AWS::IAM::") {
			continue
		}
		if out == nil {
			out = []string{"CAPABILITY_IAM"}
		}
		for _, name := range []string{"RoleName", "InstanceProfileName", "ManagedPolicyName", "UserName"} {
			if _, ok := r.Properties[name]; ok {
				return []string{"CAPABILITY_NAMED_IAM"}
			}
		}
	}
	return out
}
