package template

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/difference"
)

// deepest bounds how far functions, conditions and aliases go into each other, and most
// how often one is looked at: a small text can name large things many times.
const (
	deepest = 60
	most    = 200_000
)

// errLarge says that a template is beyond any that CloudFormation takes.
var errLarge = errors.New("it is too large, or its aliases or conditions go too far into each other")

// function is a call of a template's intrinsic function.
type function struct {
	name string // "Sub"
	of   any
}

// nothing is what AWS::NoValue comes to: the entry is left out.
type nothing struct{}

// decode reads a node: "!Sub x" and "Fn::Sub: x" are the same function.
func decode(node *yaml.Node, depth int, budget *int) any {
	if *budget--; *budget < 0 || depth > deepest {
		*budget = -1
		return nil
	}
	if node.Kind == yaml.AliasNode {
		return decode(node.Alias, depth+1, budget)
	}
	var value any
	switch node.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(node.Content); i += 2 {
			m[node.Content[i].Value] = decode(node.Content[i+1], depth+1, budget)
		}
		value = m
		for key, of := range m {
			name, long := strings.CutPrefix(key, "Fn::")
			if len(m) == 1 && (long || key == "Ref") {
				value = function{name, of}
			}
		}
	case yaml.SequenceNode:
		list := make([]any, 0, len(node.Content))
		for _, item := range node.Content {
			list = append(list, decode(item, depth+1, budget))
		}
		value = list
	default:
		value = node.Value
	}
	if tag := node.Tag; strings.HasPrefix(tag, "!") && !strings.HasPrefix(tag, "!!") {
		return function{strings.TrimPrefix(tag, "!"), value}
	}
	return value
}

// resolver fills parameters in.
type resolver struct {
	parameters map[string]string
	hidden     map[string]bool
	conditions map[string]any
	budget     *int
}

func newResolver(root map[string]any, given map[string]string, budget *int) resolver {
	r := resolver{budget: budget, parameters: map[string]string{}, hidden: map[string]bool{}}
	r.conditions, _ = root["Conditions"].(map[string]any)
	declared, _ := root["Parameters"].(map[string]any)
	for name, item := range declared {
		about, _ := item.(map[string]any)
		value, ok := given[name]
		if !ok {
			value, _ = about["Default"].(string)
		}
		r.parameters[name] = value
		r.hidden[name] = about["NoEcho"] == "true"
	}
	return r
}

// resolve fills in a value.
func (r resolver) resolve(value any, depth int) any {
	if *r.budget--; *r.budget < 0 || depth > deepest {
		*r.budget = -1
		return nil
	}
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, item := range v {
			if item = r.resolve(item, depth+1); item != (nothing{}) {
				out[key] = item
			}
		}
		return out
	case []any:
		out := make([]any, 0, len(v))
		for _, item := range v {
			if item = r.resolve(item, depth+1); item != (nothing{}) {
				out = append(out, item)
			}
		}
		return out
	case function:
		return r.call(v, depth+1)
	}
	return value
}

// call is what a function comes to. One that is not known stays as it is written.
func (r resolver) call(f function, depth int) any {
	list, _ := f.of.([]any)
	name, _ := f.of.(string)
	switch {
	case f.name == "Ref":
		return r.ref(name)
	case f.name == "GetAtt" && name != "":
		return "${" + name + "}"
	case f.name == "Sub" && name != "":
		return r.substitute(name, nil)
	case f.name == "Sub" && len(list) == 2:
		text, _ := list[0].(string)
		local, _ := r.resolve(list[1], depth).(map[string]any)
		return r.substitute(text, local)
	case f.name == "If" && len(list) == 3:
		if condition, _ := list[0].(string); r.condition(condition, depth) {
			return r.resolve(list[1], depth)
		}
		return r.resolve(list[2], depth)
	case f.name == "Select" && len(list) == 2:
		return r.choose(r.resolve(list[0], depth), r.resolve(list[1], depth))
	case f.name == "Split" && len(list) == 2:
		by, text := flat(r.resolve(list[0], depth)), r.resolve(list[1], depth)
		if whole, ok := text.(string); ok && by != "" {
			return texts(strings.Split(whole, by))
		}
	case f.name == "Join" && len(list) == 2:
		if items, ok := r.resolve(list[1], depth).([]any); ok {
			by, _ := list[0].(string)
			parts := make([]string, len(items))
			for i, item := range items {
				parts[i] = flat(item)
			}
			return strings.Join(parts, by)
		}
	}
	return f.name + "(" + flat(r.resolve(f.of, depth)) + ")"
}

// ref is a parameter, or what stays for CloudFormation to fill in.
func (r resolver) ref(name string) any {
	value, given := r.parameters[name]
	switch {
	case name == "AWS::NoValue":
		return nothing{}
	case r.hidden[name]:
		return difference.Hidden
	case given:
		return value
	}
	return "${" + name + "}"
}

// choose is Select: a list of texts is a parameter's with commas.
func (r resolver) choose(index, of any) any {
	list, ok := of.([]any)
	if text, is := of.(string); is {
		list, ok = texts(strings.Split(text, ",")), true
	}
	n, err := strconv.Atoi(flat(index))
	if !ok || err != nil || n < 0 || n >= len(list) {
		return fmt.Sprintf("Select(%s, %s)", flat(index), flat(of))
	}
	return list[n]
}

// substitute is Sub: "${Name}" is a parameter, "${WebRole.Arn}" stays.
func (r resolver) substitute(text string, local map[string]any) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		b.WriteString(before)
		name, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			b.WriteString(rest)
			return b.String()
		}
		text = after
		if literal, is := strings.CutPrefix(name, "!"); is {
			b.WriteString("${" + literal + "}")
			continue
		}
		value, here := local[name]
		if !here {
			value = r.ref(name)
		}
		b.WriteString(flatText(value))
	}
}

// flatText is a value inside a text.
func flatText(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	return flat(value)
}

// condition says whether one holds. One that cannot be told holds: more is shown.
func (r resolver) condition(name string, depth int) bool {
	stated, known := r.conditions[name]
	return !known || r.holds(stated, depth+1)
}

func (r resolver) holds(value any, depth int) bool {
	if *r.budget--; *r.budget < 0 || depth > deepest {
		*r.budget = -1
		return true
	}
	if m, ok := value.(map[string]any); ok && m["Condition"] != nil {
		value = function{"Condition", m["Condition"]}
	}
	f, ok := value.(function)
	if !ok {
		return true
	}
	list, _ := f.of.([]any)
	switch {
	case f.name == "Condition":
		name, _ := f.of.(string)
		return r.condition(name, depth)
	case f.name == "Equals" && len(list) == 2:
		return flatText(r.resolve(list[0], depth)) == flatText(r.resolve(list[1], depth))
	case f.name == "Not" && len(list) == 1:
		return !r.holds(list[0], depth+1)
	case f.name == "And":
		for _, item := range list {
			if !r.holds(item, depth+1) {
				return false
			}
		}
		return true
	case f.name == "Or":
		for _, item := range list {
			if r.holds(item, depth+1) {
				return true
			}
		}
		return len(list) == 0
	}
	return true
}

func texts(list []string) []any {
	out := make([]any, len(list))
	for i, item := range list {
		out[i] = item
	}
	return out
}
