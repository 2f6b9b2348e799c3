// Package iam evaluates policies as AWS Identity and Access Management does: the
// identity-based ones of a caller, and its permissions boundary, against a request
// with its resources and condition keys. Which resources and keys an action knows is
// in actions.json, from AWS's service authorization reference.
//
// It refuses to read what it does not know, such as policy variables, so that no
// policy is ever judged by half of what it says.
package iam

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Policy is a policy document.
type Policy struct {
	Version    string
	Statements []Statement
}

// Statement is one statement of a policy.
type Statement struct {
	Sid                    string
	Effect                 string // "Allow" or "Deny"
	Actions, NotActions    []string
	Resources, NotResource []string
	Conditions             []Condition
}

// Condition is one key of a statement's condition; all of them must hold.
type Condition struct {
	Operator string // "StringEquals"
	IfExists bool   // it holds where the key is absent
	Set      string // "ForAnyValue", "ForAllValues" or empty
	Key      string // "ec2:InstanceProfile"
	Values   []string
}

// Parse reads a policy document.
func Parse(text []byte) (Policy, error) {
	var document any
	if err := json.Unmarshal(text, &document); err != nil {
		return Policy{}, fmt.Errorf("read the policy: %w", err)
	}
	return Read(document)
}

// Read reads a policy document that is decoded already, or JSON in a string.
func Read(document any) (Policy, error) {
	if text, ok := document.(string); ok {
		return Parse([]byte(text))
	}
	fields, ok := document.(map[string]any)
	if !ok {
		return Policy{}, errors.New("read the policy: it is not an object")
	}
	p := Policy{}
	for name, value := range fields {
		switch name {
		case "Version":
			p.Version = fmt.Sprint(value)
		case "Id":
		case "Statement":
			list, isList := value.([]any)
			if !isList {
				list = []any{value}
			}
			for i, one := range list {
				s, err := readStatement(one)
				if err != nil {
					return Policy{}, fmt.Errorf("read statement %d of the policy: %w", i+1, err)
				}
				p.Statements = append(p.Statements, s)
			}
		default:
			return Policy{}, fmt.Errorf("read the policy: %q is not an element of one", name)
		}
	}
	if p.Version != "2012-10-17" || len(p.Statements) == 0 {
		return Policy{}, fmt.Errorf("read the policy: version %q with %d statements; want 2012-10-17 and one at least", p.Version, len(p.Statements))
	}
	return p, nil
}

// readStatement reads one statement.
func readStatement(value any) (s Statement, err error) {
	fields, ok := value.(map[string]any)
	if !ok {
		return s, errors.New("it is not an object")
	}
	for name, value := range fields {
		switch name {
		case "Sid":
			s.Sid = fmt.Sprint(value)
		case "Effect":
			s.Effect = fmt.Sprint(value)
		case "Action":
			s.Actions, err = texts(value)
		case "NotAction":
			s.NotActions, err = texts(value)
		case "Resource":
			s.Resources, err = texts(value)
		case "NotResource":
			s.NotResource, err = texts(value)
		case "Condition":
			s.Conditions, err = readConditions(value)
		default:
			err = fmt.Errorf("%q is not an element of an identity-based policy's statement", name)
		}
		if err != nil {
			return s, fmt.Errorf("%s: %w", name, err)
		}
	}
	switch {
	case s.Effect != "Allow" && s.Effect != "Deny":
		return s, fmt.Errorf("the effect is %q", s.Effect)
	case (len(s.Actions) == 0) == (len(s.NotActions) == 0):
		return s, errors.New("it needs either Action or NotAction")
	case (len(s.Resources) == 0) == (len(s.NotResource) == 0):
		return s, errors.New("it needs either Resource or NotResource")
	}
	return s, s.check()
}

// check refuses what is not an action or an ARN.
func (s Statement) check() error {
	for _, action := range slices.Concat(s.Actions, s.NotActions) {
		if action != "*" && !strings.Contains(action, ":") {
			return fmt.Errorf("%q is not an action", action)
		}
	}
	for _, resource := range slices.Concat(s.Resources, s.NotResource) {
		if resource != "*" && (strings.Count(resource, ":") < 5 || !strings.HasPrefix(resource, "arn:")) {
			return fmt.Errorf("%q is not an ARN", resource)
		}
	}
	return nil
}

// readConditions reads a condition block.
func readConditions(value any) ([]Condition, error) {
	block, ok := value.(map[string]any)
	if !ok {
		return nil, errors.New("it is not an object")
	}
	var all []Condition
	for name, keys := range block {
		c := Condition{Operator: name}
		if set, operator, found := strings.Cut(name, ":"); found {
			c.Set, c.Operator = set, operator
		}
		c.Operator, c.IfExists = strings.CutSuffix(c.Operator, "IfExists")
		if operators[c.Operator] == nil || c.Operator == "Null" && name != "Null" || c.Set != "" && c.Set != "ForAnyValue" && c.Set != "ForAllValues" {
			return nil, fmt.Errorf("operator %q is not known here", name)
		}
		fields, ok := keys.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s is not an object", name)
		}
		for key, value := range fields {
			values, err := texts(value)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", name, key, err)
			}
			one := c
			one.Key, one.Values = key, values
			all = append(all, one)
		}
	}
	return all, nil
}

// texts is a text, or a list of them. Policy variables are not known.
func texts(value any) ([]string, error) {
	list, isList := value.([]any)
	if !isList {
		list = []any{value}
	}
	var out []string
	for _, item := range list {
		text, isText := item.(string)
		if truth, isTruth := item.(bool); isTruth {
			text, isText = fmt.Sprint(truth), true
		}
		if !isText || text == "" {
			return nil, fmt.Errorf("%v is not a text", item)
		}
		if strings.Contains(text, "${") {
			return nil, fmt.Errorf("%q has a policy variable, which is not known here", text)
		}
		out = append(out, text)
	}
	return out, nil
}

// Size is the length of a policy document as IAM counts it: without white space.
func Size(document any) (int, error) {
	if text, ok := document.(string); ok {
		return len(strip(text)), nil
	}
	text, err := json.Marshal(document)
	if err != nil {
		return 0, fmt.Errorf("encode the policy: %w", err)
	}
	// json.Marshal writes < and > as six characters each; no policy here has them.
	return len(strip(string(text))), nil
}

// strip takes white space out.
func strip(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text)
}

// How many characters policies may have, from the page "IAM and AWS STS quotas" of the
// IAM user guide. Inline policies of one principal are added up.
const (
	ManagedLimit    = 6144
	InlineUserLimit = 2048
	InlineRoleLimit = 10240
	// AttachedLimit is how many managed policies a principal may have.
	AttachedLimit = 10
)
