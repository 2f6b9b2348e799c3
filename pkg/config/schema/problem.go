package schema

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is something that is wrong with a configuration, or, as a warning, that is
// likely not what its author wants.
type Problem struct {
	Key     string // "aws.region", "access.web[1]"; "" for the file as a whole
	Text    string // "eu-central-1a is a zone; its region is eu-central-1"
	File    string // "perpetual.yml"; "" when it is not known where the value comes from
	Line    int    // from 1
	Warning bool   // nothing stops because of it
}

// Error is the problem as one line: "perpetual.yml:12: workers.spot: want true or false".
func (p Problem) Error() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d", p.Line)
		}
		b.WriteString(": ")
	}
	if p.Warning {
		b.WriteString("warning: ")
	}
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(p.Text)
	return b.String()
}

// Problems is all that is wrong at once, as an error with one line for each.
type Problems []Problem

// Error implements error.
func (p Problems) Error() string {
	lines := make([]string, 0, len(p))
	for _, one := range p {
		lines = append(lines, one.Error())
	}
	return strings.Join(lines, "\n")
}

// Err is nil when there are only warnings, and otherwise the Problems without them.
func (p Problems) Err() error {
	bad := slices.DeleteFunc(slices.Clone(p), func(one Problem) bool { return one.Warning })
	if len(bad) == 0 {
		return nil
	}
	return bad
}

// About says whether one of the problems is with a key, or with a section or list in
// which the key is.
func (p Problems) About(key string) bool {
	return slices.ContainsFunc(p, func(one Problem) bool {
		rest, below := strings.CutPrefix(key, one.Key)
		return one.Key != "" && below && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// Source says on which line of a file each key is.
type Source struct {
	name  string
	lines map[string]int
	given map[string]string // by key, what has set it over the file
}

// Given notes that a value comes from a flag or a variable, not from the file. It may be
// called on a nil Source.
func (s *Source) Given(key, by string) {
	if s != nil {
		s.given[key] = by
	}
}

// Locate returns problems with the file and the line of those whose key, or the
// section of whose key, is in the file, or with what was given over it. It may be called
// on a nil Source.
func (s *Source) Locate(problems Problems) Problems {
	out := slices.Clone(problems)
	if s == nil {
		return out
	}
	for i := range out {
		if out[i].File != "" {
			continue
		}
		for key := out[i].Key; key != "" && out[i].File == ""; key = Above(key) {
			out[i].File = s.given[key]
		}
		if out[i].File != "" {
			continue
		}
		for key := out[i].Key; key != ""; key = Above(key) {
			if line := s.lines[key]; line > 0 {
				out[i].File, out[i].Line = s.name, line
				break
			}
		}
	}
	return out
}

// SortByLine puts problems in the order of the file.
func SortByLine(problems Problems) {
	slices.SortStableFunc(problems, func(a, b Problem) int { return a.Line - b.Line })
}
