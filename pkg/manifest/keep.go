package manifest

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"

	"gopkg.in/yaml.v3"
)

// variable is a text that is one variable and nothing else.
var variable = regexp.MustCompile(`^\(\( ?([-\w]+) ?\)\)$`)

// Keep finds the values that the variables of a template have in a running
// document that was rendered from it or from an earlier version of it. So what
// a user does not set again keeps its last value, and credentials need not pass
// through the pipeline. A variable that is null or gone is left out. One that
// stands in two places with two values is not certain: it is left out, and
// named in unsure.
//
// Lists of named things are matched by name, others by position when both are
// of one length. A placeholder in the running document, such as
// ((vault:concourse/token)), is a value like any other.
func Keep(tmpl, running []byte) (kept map[string]any, unsure []string, err error) {
	var t, r any
	if err := yaml.Unmarshal(tmpl, &t); err != nil {
		return nil, nil, fmt.Errorf("parse the template: %w", oneLine(err))
	}
	if err := yaml.Unmarshal(running, &r); err != nil {
		return nil, nil, fmt.Errorf("parse the running document: %w", oneLine(err))
	}
	k := &keeper{vars: map[string]any{}, unsure: map[string]bool{}}
	k.walk(t, r)
	maps.DeleteFunc(k.vars, func(name string, value any) bool { return value == nil || k.unsure[name] })
	return k.vars, slices.Sorted(maps.Keys(k.unsure)), nil
}

type keeper struct {
	vars   map[string]any
	unsure map[string]bool
}

// walk goes down both documents at the same places.
func (k *keeper) walk(tmpl, running any) {
	switch t := tmpl.(type) {
	case string:
		if m := variable.FindStringSubmatch(t); m != nil {
			k.bind(m[1], running)
		}
	case map[string]any:
		if r, ok := running.(map[string]any); ok {
			for key, item := range t {
				if value, ok := r[key]; ok {
					k.walk(item, value)
				}
			}
		}
	case []any:
		if r, ok := running.([]any); ok {
			k.walkList(t, r)
		}
	}
}

// walkList matches by name, and what bears one name in order, if it is as often
// in both lists; what has no name by position.
func (k *keeper) walkList(tmpl, running []any) {
	for i, item := range tmpl {
		key, name := nameOf(item)
		if key == "" {
			if len(tmpl) == len(running) {
				k.walk(item, running[i])
			}
			continue
		}
		same := named(running, key, name)
		if len(same) == len(named(tmpl, key, name)) {
			k.walk(item, same[len(named(tmpl[:i], key, name))])
		}
	}
}

// bind notes a value, or that it is not certain.
func (k *keeper) bind(name string, value any) {
	if known, seen := k.vars[name]; seen && !reflect.DeepEqual(known, value) {
		k.unsure[name] = true
	}
	k.vars[name] = value
}

// nameOf is what people tell list items apart by: BOSH's name and alias, the
// names of Concourse's steps. A variable is no name. The key is "" for items without one.
func nameOf(item any) (key, name string) {
	m, ok := item.(map[string]any)
	if !ok {
		return "", ""
	}
	for _, key := range []string{"name", "alias", "get", "put", "task", "set_pipeline", "load_var"} {
		if name, ok := m[key].(string); ok && !variable.MatchString(name) {
			return key, name
		}
	}
	return "", ""
}

// named are the items of a list that bear a name.
func named(list []any, key, name string) []any {
	var same []any
	for _, item := range list {
		if m, ok := item.(map[string]any); ok && m[key] == name {
			same = append(same, item)
		}
	}
	return same
}
