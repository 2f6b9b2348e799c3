package template

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/resource"
)

// noValue stands for AWS::NoValue until what holds it leaves it out.
type noValue struct{}

// Scope is what names mean while a template is evaluated.
type Scope struct {
	Template   *Template
	Parameters map[string]string
	Pseudo     map[string]string         // "AWS::Region"
	Live       map[string]*resource.Live // resources that are there
	Known      map[string]string         // stands for the ids of those that are not yet; nil: they are errors
}

// problem is what CloudFormation calls a ValidationError.
type problem struct{ text string }

// Error implements error.
func (p *problem) Error() string { return p.text }

// Wrong makes a problem.
func Wrong(format string, args ...any) error { return &problem{fmt.Sprintf(format, args...)} }

// CompleteParameters checks what was given, and fills in defaults.
func (t *Template) CompleteParameters(given map[string]string) (map[string]string, error) {
	out := map[string]string{}
	for _, name := range SortedKeys(given) {
		if _, ok := t.Parameters[name]; !ok {
			return nil, Wrong("Parameters: [%s] do not exist in the template", name)
		}
	}
	for _, name := range SortedKeys(t.Parameters) {
		p := t.Parameters[name]
		value, ok := given[name]
		if !ok && p.Default == nil {
			return nil, Wrong("Parameters: [%s] must have values", name)
		}
		if !ok {
			value = *p.Default
		}
		if err := p.check(name, value); err != nil {
			return nil, err
		}
		out[name] = value
	}
	return out, nil
}

// check refuses a value that a parameter does not allow.
func (p Parameter) check(name, value string) error {
	if p.AllowedPattern != "" {
		if ok, err := regexp.MatchString("^(?:"+p.AllowedPattern+")$", value); err != nil || !ok {
			return Wrong("Parameter %s failed to satisfy constraint: Member must satisfy regular expression pattern: %s", name, p.AllowedPattern)
		}
	}
	if len(p.AllowedValues) > 0 && !slices.Contains(p.AllowedValues, value) {
		return Wrong("Parameter %s must be one of AllowedValues", name)
	}
	if p.Type != "Number" {
		return nil
	}
	number, err := strconv.Atoi(value)
	switch {
	case err != nil:
		return Wrong("Parameter %s must be a number", name)
	case p.MinValue != nil && number < *p.MinValue:
		return Wrong("Parameter %s must be a number not less than %d", name, *p.MinValue)
	case p.MaxValue != nil && number > *p.MaxValue:
		return Wrong("Parameter %s must be a number not greater than %d", name, *p.MaxValue)
	}
	return nil
}

// Exists says whether a thing with that condition is there; "" is always.
func (s *Scope) Exists(condition string) (bool, error) {
	if condition == "" {
		return true, nil
	}
	value, ok := s.Template.Conditions[condition]
	if !ok {
		return false, Wrong("Template format error: Unresolved condition dependency %s", condition)
	}
	out, err := s.Value(value)
	truth, _ := out.(bool)
	return truth, err
}

// Value evaluates what a template says.
func (s *Scope) Value(v any) (any, error) {
	if name, argument, ok := function(v); ok {
		return s.call(name, argument)
	}
	switch v := v.(type) {
	case []any:
		out := []any{}
		for _, item := range v {
			got, err := s.Value(item)
			if err != nil {
				return nil, err
			}
			if got != (noValue{}) {
				out = append(out, got)
			}
		}
		return out, nil
	case map[string]any:
		out := map[string]any{}
		for _, key := range SortedKeys(v) {
			got, err := s.Value(v[key])
			if err != nil {
				return nil, err
			}
			if got != (noValue{}) {
				out[key] = got
			}
		}
		return out, nil
	}
	return v, nil
}

// call evaluates an intrinsic function.
func (s *Scope) call(name string, argument any) (any, error) {
	switch name {
	case "Ref":
		return s.ref(fmt.Sprint(argument))
	case "Condition":
		return s.Exists(fmt.Sprint(argument))
	case "Fn::If":
		return s.branch(argument)
	case "Fn::GetAtt":
		return s.attribute(argument)
	case "Fn::Sub":
		return s.substitute(argument)
	}
	list, err := s.Value(argument)
	items, ok := list.([]any)
	if err != nil || !ok {
		return nil, orWrong(err, "Template error: %s takes a list", name)
	}
	switch name {
	case "Fn::Equals":
		return len(items) == 2 && fmt.Sprint(items[0]) == fmt.Sprint(items[1]), nil
	case "Fn::Not":
		return len(items) == 1 && items[0] != true, nil
	case "Fn::And":
		return !slices.ContainsFunc(items, func(v any) bool { return v != true }), nil
	case "Fn::Or":
		return slices.Contains(items, any(true)), nil
	}
	return pick(name, items)
}

// pick evaluates the functions over lists.
func pick(name string, items []any) (any, error) {
	if len(items) != 2 {
		return nil, Wrong("Template error: %s takes a list of two", name)
	}
	list, isList := items[1].([]any)
	switch name {
	case "Fn::Join":
		if !isList {
			return nil, Wrong("Template error: every Fn::Join object requires two parameters")
		}
		texts := []string{}
		for _, item := range list {
			texts = append(texts, fmt.Sprint(item))
		}
		return strings.Join(texts, fmt.Sprint(items[0])), nil
	case "Fn::Select":
		index, err := strconv.Atoi(fmt.Sprint(items[0]))
		if err != nil || !isList || index < 0 || index >= len(list) {
			return nil, Wrong("Template error: Fn::Select cannot select nonexistent value at index %v", items[0])
		}
		return list[index], nil
	case "Fn::Split":
		out := []any{}
		for _, part := range strings.Split(fmt.Sprint(items[1]), fmt.Sprint(items[0])) {
			out = append(out, part)
		}
		return out, nil
	}
	return nil, Wrong("Template error: unknown function %s", name)
}

// orWrong gives the error, or makes one.
func orWrong(err error, format string, args ...any) error {
	if err != nil {
		return err
	}
	return Wrong(format, args...)
}

// branch evaluates Fn::If: only the branch that is taken.
func (s *Scope) branch(argument any) (any, error) {
	list, ok := argument.([]any)
	if !ok || len(list) != 3 {
		return nil, Wrong("Template error: Fn::If requires a list argument with three elements")
	}
	truth, err := s.Exists(fmt.Sprint(list[0]))
	if err != nil {
		return nil, err
	}
	if truth {
		return s.Value(list[1])
	}
	return s.Value(list[2])
}

// ref evaluates Ref.
func (s *Scope) ref(name string) (any, error) {
	if name == "AWS::NoValue" {
		return noValue{}, nil
	}
	if value, ok := s.Pseudo[name]; ok {
		return value, nil
	}
	if value, ok := s.Parameters[name]; ok {
		if s.Template.Parameters[name].Type != "CommaDelimitedList" {
			return value, nil
		}
		out := []any{}
		for _, item := range strings.Split(value, ",") {
			out = append(out, strings.TrimSpace(item))
		}
		return out, nil
	}
	if there, ok := s.Live[name]; ok {
		return there.PhysicalID, nil
	}
	if id, ok := s.Known[name]; ok {
		return id, nil
	}
	return nil, Wrong("Template format error: Unresolved resource dependencies [%s] in the Resources block of the template", name)
}

// attribute evaluates Fn::GetAtt.
func (s *Scope) attribute(argument any) (any, error) {
	list, ok := argument.([]any)
	if !ok || len(list) != 2 {
		return nil, Wrong("Template error: Fn::GetAtt takes a resource and an attribute")
	}
	name, attribute := fmt.Sprint(list[0]), fmt.Sprint(list[1])
	if there, ok := s.Live[name]; ok {
		if value, ok := there.Attributes[attribute]; ok {
			return value, nil
		}
		return nil, Wrong("Template error: resource %s does not support attribute type %s in Fn::GetAtt", name, attribute)
	}
	if id, ok := s.Known[name]; ok {
		return id + "." + attribute, nil
	}
	return nil, Wrong("Template error: instance of Fn::GetAtt references undefined resource %s", name)
}

// substitute evaluates Fn::Sub.
func (s *Scope) substitute(argument any) (any, error) {
	text, own := subParts(argument)
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, "${")
		out.WriteString(before)
		name, rest, closed := strings.Cut(after, "}")
		if !found || !closed {
			return out.String(), nil
		}
		value, err := s.named(name, own)
		if err != nil {
			return nil, err
		}
		out.WriteString(fmt.Sprint(value))
		text = rest
	}
}

// named evaluates a name within Fn::Sub.
func (s *Scope) named(name string, own map[string]any) (any, error) {
	if value, ok := own[name]; ok {
		return s.Value(value)
	}
	if resource, attribute, found := strings.Cut(name, "."); found {
		return s.attribute([]any{resource, attribute})
	}
	return s.ref(name)
}
