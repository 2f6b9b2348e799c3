package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/aryann/difflib"
	"sigs.k8s.io/yaml"
)

// contextLines is how many unchanged lines stand around a changed one.
const contextLines = 3

// Line is one line of a pipeline's diff. A line with Op " " that is not
// indented names what the lines under it belong to: jobs/upgrade.
type Line struct {
	Op   string // "+", "-" or " "
	Text string // "  serial: true"
}

// Diff compares part by part: a part is one job, one resource, one type, all
// groups. Unchanged parts are left out, credentials are hidden.
func Diff(from, to Config) []Line {
	before, after := parts(from), parts(to)
	names := slices.Collect(maps.Keys(before))
	for name := range after {
		if _, both := before[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var lines []Line
	for _, name := range names {
		if !reflect.DeepEqual(before[name], after[name]) {
			lines = append(lines, Line{Op: " ", Text: name})
			lines = append(lines, diffPart(name, before[name], after[name])...)
		}
	}
	return lines
}

// Headings are the parts that differ.
func Headings(lines []Line) []string {
	var names []string
	for _, l := range lines {
		if l.Op == " " && !strings.HasPrefix(l.Text, " ") {
			names = append(names, l.Text)
		}
	}
	return names
}

// parts takes a config apart into what has a name: jobs/upgrade → its content.
func parts(c Config) map[string]any {
	found := map[string]any{}
	var top map[string]any
	if json.Unmarshal(c.normal, &top) != nil {
		return found
	}
	for section, value := range top {
		list, isList := value.([]any)
		if !isList || section == "groups" {
			found[section] = value
			continue
		}
		for i, e := range list {
			name := fmt.Sprintf("%s/%d", section, i)
			if item, ok := e.(map[string]any); ok && item["name"] != nil {
				name = fmt.Sprintf("%s/%v", section, item["name"])
			}
			found[name] = e
		}
	}
	return found
}

// diffPart compares the YAML lines of both sides. Hidden values take part under
// their numbers, so that a changed credential shows as changed, not as what.
func diffPart(name string, before, after any) []Line {
	h := &hider{section: strings.Split(name, "/")[0], numbers: map[string]int{}}
	records := difflib.Diff(h.lines(before), h.lines(after))
	near := make([]bool, len(records))
	for i, r := range records {
		if r.Delta != difflib.Common {
			for j := max(0, i-contextLines); j <= min(len(records)-1, i+contextLines); j++ {
				near[j] = true
			}
		}
	}
	var lines []Line
	for i, r := range records {
		text := "  " + h.redact(r.Payload)
		switch {
		case r.Delta == difflib.LeftOnly:
			lines = append(lines, Line{"-", text})
		case r.Delta == difflib.RightOnly:
			lines = append(lines, Line{"+", text})
		case near[i]:
			lines = append(lines, Line{" ", text})
		case i == 0 || near[i-1]:
			lines = append(lines, Line{" ", "  …"})
		}
	}
	return lines
}

// lines is a value as lines of YAML; nothing for nil.
func (h *hider) lines(value any) []string {
	if value == nil {
		return nil
	}
	text, err := yaml.Marshal(h.hide("", value, opaque[h.section]))
	if err != nil {
		return []string{"(cannot be shown)"}
	}
	return strings.Split(strings.TrimRight(string(text), "\n"), "\n")
}
