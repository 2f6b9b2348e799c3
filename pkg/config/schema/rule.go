package schema

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Rule is what a schema says about a key. Beside the standard keywords it knows
// patternErrorMessage, x-immutable, x-looked-up and x-aws.
type Rule struct {
	Description string           `json:"description"`
	Type        string           `json:"type"` // "string", "integer", "boolean", "array", "object"
	Default     any              `json:"default"`
	Examples    []any            `json:"examples"`
	Secret      bool             `json:"writeOnly"`
	Immutable   bool             `json:"x-immutable"` // it may not change after the first deploy
	LookedUp    string           `json:"x-looked-up"` // where the default comes from: "two zones that offer the instance types"
	AWS         bool             `json:"x-aws"`       // it has no effect without aws
	Want        string           `json:"patternErrorMessage"`
	Properties  map[string]*Rule `json:"properties"`
	Items       *Rule            `json:"items"`
	// Additional is false, or the rule of values of a map.
	Additional json.RawMessage `json:"additionalProperties"`
	Names      *Rule           `json:"propertyNames"`
}

// below is the rule of what stands under name, nil when there is none. The name of
// an item of a list does not matter.
func (r *Rule) below(name string) *Rule {
	switch {
	case r == nil:
		return nil
	case r.Properties[name] != nil:
		return r.Properties[name]
	case r.Items != nil:
		return r.Items
	}
	var of Rule
	if json.Unmarshal(r.Additional, &of) != nil {
		return nil
	}
	of.Secret = r.Secret
	return &of
}

// Section says whether the key holds other keys of the schema.
func (r *Rule) Section() bool { return r != nil && r.Properties != nil }

// names are the keys of a section, in the order of the alphabet.
func (r *Rule) names() []string {
	if r == nil {
		return nil
	}
	var names []string
	for name := range r.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// keys are those that hold values, at key and below it.
func (r *Rule) keys(key string) (list []string) {
	if !r.Section() {
		return []string{key}
	}
	for _, name := range r.names() {
		list = append(list, r.Properties[name].keys(Join(key, name))...)
	}
	return list
}

// Sentence is the first sentence of the description, without its full stop.
func (r *Rule) Sentence() string {
	first, _, _ := strings.Cut(r.Description, ". ")
	return strings.TrimSuffix(first, ".")
}

// example is a value to show: the default, or else the first example.
func (r *Rule) example() any {
	if r.Default != nil {
		return r.Default
	}
	if len(r.Examples) > 0 {
		return r.Examples[0]
	}
	return nil
}

// Parse turns the text of a flag or of a variable into a value of the rule's type; a
// list has commas between its items. Check says whether the value itself holds.
func (r *Rule) Parse(text string) (any, error) {
	trimmed := strings.TrimSpace(text)
	switch r.Type {
	case "integer":
		n, err := strconv.Atoi(trimmed)
		if err != nil {
			return nil, fmt.Errorf("want a whole number, got %q", shortened(text))
		}
		return n, nil
	case "boolean":
		if trimmed != "true" && trimmed != "false" {
			return nil, fmt.Errorf("want true or false, got %q", shortened(text))
		}
		return trimmed == "true", nil
	case "array":
		items := []any{}
		for item := range strings.SplitSeq(text, ",") {
			if item = strings.TrimSpace(item); item != "" {
				items = append(items, item)
			}
		}
		if len(items) == 0 {
			return nil, fmt.Errorf("is empty; leave it out to keep the value that was set, or say null for the default")
		}
		return items, nil
	}
	return text, nil
}
