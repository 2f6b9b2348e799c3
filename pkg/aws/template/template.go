// Package template reads a CloudFormation template together with its parameters, as far
// as to say, for people, how two of them differ: statement by statement in policies, rule
// by rule in security groups, value by value elsewhere.
package template

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/difference"
)

// Source is a template with the values that it is given.
type Source struct {
	Text       []byte            // YAML; empty: there is no stack yet
	Parameters map[string]string // "WebCIDRs": "0.0.0.0/0,none"
}

// content is a template with its parameters filled in.
type content struct {
	parameters map[string]string // but those that are hidden, with the defaults
	types      map[string]string // of resources: "AWS::IAM::Role"
	leaves     []difference.Leaf // values at a place of their own
	items      []string          // of lists without an order: "DirectorGroup/SecurityGroupIngress: CidrIp: …"
	grants     map[string][]grant
}

// Differences say what becomes of before: "~ parameter WebCIDRs: old → new", "+ WebRole:
// Allow ssm:GetParameter on …", "- DirectorGroup/SecurityGroupIngress: …". Of what is new
// only what says who may do and reach what is listed value by value. What CloudFormation
// knows only when it makes it stays as "${WebRole.Arn}"; what must not be shown is hidden.
func Differences(before, after Source) ([]string, error) {
	parsed, err := parse(before.Text)
	if err != nil {
		return nil, fmt.Errorf("read the template of the stack: %w", err)
	}
	old, err := parsed.fill(before.Parameters)
	if err != nil {
		return nil, fmt.Errorf("read the template of the stack: %w", err)
	}
	if !bytes.Equal(before.Text, after.Text) { // mostly only parameters change
		if parsed, err = parse(after.Text); err != nil {
			return nil, fmt.Errorf("read the template: %w", err)
		}
	}
	now, err := parsed.fill(after.Parameters)
	if err != nil {
		return nil, fmt.Errorf("read the template: %w", err)
	}
	shown := func(id string) bool {
		_, was := old.types[id]
		return was || tells(now.types[id])
	}
	var leaves []difference.Leaf
	for _, l := range now.leaves {
		if id, _, _ := strings.Cut(l.Path, "/"); shown(id) {
			leaves = append(leaves, l)
		}
	}
	lines := difference.Lines(leavesOf(old.parameters), leavesOf(now.parameters))
	lines = append(lines, difference.Lines(old.leaves, leaves)...)
	lines = append(lines, itemLines(old.items, slices.DeleteFunc(now.items, func(item string) bool {
		id, _, _ := strings.Cut(item, "/")
		return !shown(id)
	}))...)
	for _, id := range slices.Sorted(maps.Keys(union(old.grants, now.grants))) {
		lines = append(lines, grantLines(id, old.grants[id], now.grants[id])...)
	}
	return lines, nil
}

// tells says whether a type of resource is about who may do or reach what.
func tells(kind string) bool {
	return strings.HasPrefix(kind, "AWS::IAM::") || strings.HasPrefix(kind, "AWS::EC2::SecurityGroup")
}

func union(a, b map[string][]grant) map[string][]grant {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// leavesOf are parameters in the order of their names. Lists are shown without the
// entries that are not used.
func leavesOf(parameters map[string]string) (list []difference.Leaf) {
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		text := parameters[name]
		for strings.HasSuffix(text, ",none") {
			text = strings.TrimSuffix(text, ",none")
		}
		if text == "" {
			text = `""`
		}
		list = append(list, difference.Leaf{Path: "parameter " + name, Text: text})
	}
	return list
}

// itemLines compares two lists without an order.
func itemLines(before, after []string) (lines []string) {
	for _, item := range before {
		if !slices.Contains(after, item) {
			lines = append(lines, "- "+item)
		}
	}
	for _, item := range after {
		if !slices.Contains(before, item) {
			lines = append(lines, "+ "+item)
		}
	}
	slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(a[2:], b[2:]) })
	return slices.Compact(lines)
}

// tree is a template as it is written, which is not changed any more.
type tree struct {
	root   map[string]any // nil: there is no template
	budget int            // what is left of most
}

// parse reads a template.
func parse(text []byte) (tree, error) {
	if len(text) == 0 {
		return tree{}, nil
	}
	var node yaml.Node
	if err := yaml.Unmarshal(text, &node); err != nil || len(node.Content) == 0 {
		return tree{}, errors.New("it is not YAML")
	}
	budget := most
	root, ok := decode(node.Content[0], 0, &budget).(map[string]any)
	switch {
	case budget < 0:
		return tree{}, errLarge
	case !ok:
		return tree{}, errors.New("it is not a mapping")
	}
	return tree{root, budget}, nil
}

// fill gives parameters their values.
func (t tree) fill(parameters map[string]string) (content, error) {
	c := content{parameters: map[string]string{}, types: map[string]string{}, grants: map[string][]grant{}}
	if t.root == nil {
		return c, nil
	}
	budget := t.budget
	r := newResolver(t.root, parameters, &budget)
	for name, value := range r.parameters {
		if !r.hidden[name] {
			c.parameters[name] = value
		}
	}
	resources, _ := t.root["Resources"].(map[string]any)
	for _, id := range slices.Sorted(maps.Keys(resources)) {
		resource, _ := resources[id].(map[string]any)
		if condition, ok := resource["Condition"].(string); ok && !r.condition(condition, 0) {
			continue
		}
		c.types[id] = fmt.Sprint(resource["Type"])
		c.leaves = append(c.leaves, difference.Leaf{Path: id, Text: c.types[id]})
		c.add(id, id, r.resolve(resource["Properties"], 0))
	}
	if budget < 0 {
		return c, errLarge
	}
	return c, nil
}

// add takes a value of a resource apart.
func (c *content) add(id, path string, value any) {
	if grants, is := policyOf(value); is {
		for _, g := range grants {
			g.place = strings.TrimPrefix(strings.TrimPrefix(path, id), "/")
			c.grants[id] = append(c.grants[id], g)
		}
		return
	}
	switch v := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			c.add(id, path+"/"+key, v[key])
		}
	case []any:
		for i, item := range v {
			_, structured := item.(map[string]any)
			switch {
			case structured && holdsPolicy(item):
				c.add(id, fmt.Sprintf("%s/%d", path, i), item)
			default:
				c.items = append(c.items, path+": "+flat(item))
			}
		}
	case nil:
	default:
		c.leaves = append(c.leaves, difference.Leaf{Path: path, Text: flat(v)})
	}
}

// flat is a value on one line.
func flat(value any) string {
	switch v := value.(type) {
	case map[string]any:
		var parts []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, key+": "+flat(v[key]))
		}
		return strings.Join(parts, ", ")
	case []any:
		var parts []string
		for _, item := range v {
			parts = append(parts, flat(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case string:
		if v == "" {
			return `""`
		}
		return strings.Join(strings.Fields(v), " ")
	}
	return fmt.Sprint(value)
}
