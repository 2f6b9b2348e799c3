package document

import (
	"slices"
	"strings"
)

// diffLine is one line of a diff. It is encoded as a pair of its text and
// "added", "removed" or, for a line that gives context, null.
type diffLine struct {
	indent int
	text   string
	status string
}

// Statuses of a diffLine; "" is a line of context.
const (
	added   = "added"
	removed = "removed"
)

// sectionOrder is the order in which the director shows top-level sections.
// Others follow as they come, scalars among them: only "name:" alone on its
// line would be the section.
var sectionOrder = []string{
	"azs", "vm_types", "vm_extensions", "resource_pools", "compilation", "networks", "disk_types", "disk_pools",
	"name", "stemcells", "releases", "update", "jobs", "release", "addons", "variables",
}

// Diff compares two documents as the director does for its clients.
func Diff(before, after Mapping, redact bool) [][2]any {
	c := change{before: before, after: after, oldText: before, newText: after}
	if redact {
		c.oldText, _ = redactProperties(Clone(before)).(Mapping)
		c.newText, _ = redactProperties(Clone(after)).(Mapping)
	}
	pairs := [][2]any{}
	for _, line := range ordered(c.lines(0)) {
		var status any
		if line.status != "" {
			status = line.status
		}
		pairs = append(pairs, [2]any{strings.Repeat("  ", line.indent) + line.text, status})
	}
	return pairs
}

// change compares two mappings; what is printed of them may be redacted.
type change struct {
	before, after    Mapping
	oldText, newText Mapping
}

func (c change) lines(depth int) []diffLine {
	var lines []diffLine
	for _, key := range c.keys() {
		was, is := c.before.Get(key), c.after.Get(key)
		if equal(was, is) {
			continue
		}
		oldText, newText := c.oldText.Get(key), c.newText.Get(key)
		switch {
		case was == nil:
			lines = append(lines, yamlLines(Mapping{{key, newText}}, depth, added)...)
			continue
		case is == nil:
			lines = append(lines, yamlLines(Mapping{{key, oldText}}, depth, removed)...)
			continue
		}
		var inner []diffLine
		if a, ok := was.([]any); ok {
			if b, ok := is.([]any); ok {
				inner = compareLists(pairUp(a, oldText), pairUp(b, newText), depth)
			}
		}
		if a, ok := was.(Mapping); ok {
			if b, ok := is.(Mapping); ok {
				oldMap, _ := oldText.(Mapping)
				newMap, _ := newText.(Mapping)
				inner = change{a, b, oldMap, newMap}.lines(depth + 1)
			}
		}
		switch {
		case len(inner) > 0:
			lines = append(lines, diffLine{depth, key + ":", ""})
			lines = append(lines, inner...)
		case sameKind(was, is): // lists whose order alone differs
		default:
			lines = append(lines, yamlLines(Mapping{{key, oldText}}, depth, removed)...)
			lines = append(lines, yamlLines(Mapping{{key, newText}}, depth, added)...)
		}
	}
	return lines
}

func sameKind(a, b any) bool {
	_, aList := a.([]any)
	_, bList := b.([]any)
	_, aMap := a.(Mapping)
	_, bMap := b.(Mapping)
	return aList && bList || aMap && bMap
}

// keys are those of before, then those only after has.
func (c change) keys() []string {
	var keys []string
	for _, m := range []Mapping{c.before, c.after} {
		for _, f := range m {
			if !slices.Contains(keys, f.Key) {
				keys = append(keys, f.Key)
			}
		}
	}
	return keys
}

// pair is an element of a list and what is printed of it.
type pair struct{ value, text any }

func pairUp(list []any, text any) []pair {
	texts, _ := text.([]any)
	pairs := make([]pair, len(list))
	for i, v := range list {
		pairs[i] = pair{value: v, text: v}
		if i < len(texts) {
			pairs[i].text = texts[i]
		}
	}
	return pairs
}

func without(list, other []pair) []pair {
	var rest []pair
	for _, p := range list {
		if !slices.ContainsFunc(other, func(o pair) bool { return equal(p.value, o.value) && equal(p.text, o.text) }) {
			rest = append(rest, p)
		}
	}
	return rest
}

// compareLists pairs elements by their name, or by their range, where all have one.
func compareLists(before, after []pair, depth int) []diffLine {
	more, fewer := without(after, before), without(before, after)
	key := ""
	for _, candidate := range []string{"range", "name"} {
		if !slices.ContainsFunc(append(slices.Clone(more), fewer...), func(p pair) bool {
			m, ok := p.value.(Mapping)
			return !ok || m.Get(candidate) == nil
		}) {
			key = candidate
		}
	}
	var lines []diffLine
	for _, p := range more {
		m, _ := p.value.(Mapping)
		match := -1
		if key != "" {
			match = slices.IndexFunc(fewer, func(o pair) bool {
				other, _ := o.value.(Mapping)
				return equal(other.Get(key), m.Get(key))
			})
		}
		if match < 0 {
			lines = append(lines, yamlLines([]any{p.text}, depth, added)...)
			continue
		}
		old := fewer[match]
		fewer = slices.Delete(slices.Clone(fewer), match, match+1)
		oldMap, _ := old.value.(Mapping)
		oldText, _ := old.text.(Mapping)
		newText, _ := p.text.(Mapping)
		if inner := (change{oldMap, m, oldText, newText}).lines(depth + 1); len(inner) > 0 {
			lines = append(lines, yamlLines([]any{Mapping{{key, newText.Get(key)}}}, depth, "")...)
			lines = append(lines, inner...)
		}
	}
	if len(fewer) > 0 {
		gone := make([]any, len(fewer))
		for i, p := range fewer {
			gone[i] = p.text
		}
		lines = append(lines, yamlLines(gone, depth, removed)...)
	}
	return lines
}

func yamlLines(v any, depth int, status string) []diffLine {
	var lines []diffLine
	for _, text := range block(v) {
		lines = append(lines, diffLine{depth, text, status})
	}
	return lines
}

// ordered sorts lines by section, with an empty line between two of them.
func ordered(lines []diffLine) []diffLine {
	sections := map[string][]diffLine{}
	var names []string
	current := ""
	for _, line := range lines {
		if line.indent == 0 && line.text != "" && !strings.ContainsAny(line.text[:1], " -") {
			current = line.text
			if _, seen := sections[current]; !seen {
				names = append(names, current)
			}
			sections[current] = []diffLine{{}}
		}
		sections[current] = append(sections[current], line)
	}
	var sorted []diffLine
	for _, name := range sectionOrder {
		sorted = append(sorted, sections[name+":"]...)
		delete(sections, name+":")
	}
	for _, name := range names {
		sorted = append(sorted, sections[name]...)
		delete(sections, name)
	}
	if len(sorted) > 0 {
		sorted = sorted[1:] // the empty line before the first
	}
	return sorted
}

// redactProperties hides every value below "properties" and "bosh".
func redactProperties(v any) any {
	switch v := v.(type) {
	case Mapping:
		for i, f := range v {
			if _, isMap := f.Value.(Mapping); isMap && (f.Key == "properties" || f.Key == "bosh") {
				v[i].Value = redactValues(f.Value)
			} else {
				v[i].Value = redactProperties(f.Value)
			}
		}
	case []any:
		for i := range v {
			v[i] = redactProperties(v[i])
		}
	}
	return v
}

func redactValues(v any) any {
	switch v := v.(type) {
	case Mapping:
		for i := range v {
			v[i].Value = redactValues(v[i].Value)
		}
		return v
	case []any:
		for i := range v {
			v[i] = redactValues(v[i])
		}
		return v
	}
	return Scalar{"<redacted>", true}
}
