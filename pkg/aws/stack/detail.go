package stack

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/aws/layout"
	"github.com/perpetual-ci/perpetual/pkg/aws/template"
)

// details say what a change set leaves out: which parameters, tags, rights, rules and
// values change, and how. status is that of the stack; one that is not there has no
// template. A template that cannot be read is said so, and everything is listed.
func (s *Stack) details(ctx context.Context, status Status, p layout.Parameters) ([]string, error) {
	before := template.Source{}
	if status.Exists {
		text, err := s.api.Template(ctx, status.ID)
		if err != nil {
			return nil, err
		}
		before = template.Source{Text: []byte(text), Parameters: status.Parameters}
	}
	after := template.Source{Text: layout.Body(), Parameters: maps.Clone(status.Parameters)}
	if after.Parameters == nil {
		after.Parameters = map[string]string{}
	}
	maps.Copy(after.Parameters, p.Values())
	var lines []string
	changes, err := template.Differences(before, after)
	if err != nil {
		lines = append(lines, fmt.Sprintf("! what the stack grants now is not known: %v", err))
		if changes, err = template.Differences(template.Source{}, after); err != nil {
			return nil, err
		}
	}
	return slices.Concat(lines, tagLines(status.Tags, s.options.Tags), changes), nil
}

// tagLines compare the tags that everything in the stack gets.
func tagLines(before, after map[string]string) (lines []string) {
	for _, key := range slices.Sorted(maps.Keys(after)) {
		switch old, there := before[key]; {
		case !there:
			lines = append(lines, fmt.Sprintf("+ tag %s: %s", key, after[key]))
		case old != after[key]:
			lines = append(lines, fmt.Sprintf("~ tag %s: %s → %s", key, old, after[key]))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(before)) {
		if _, kept := after[key]; !kept {
			lines = append(lines, fmt.Sprintf("- tag %s: %s", key, before[key]))
		}
	}
	return lines
}
