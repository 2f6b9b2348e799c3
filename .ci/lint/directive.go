package main

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
)

// comment is a whole directive: the analyzers' names, and the reason.
var comment = regexp.MustCompile(`^//nolint:([a-z,]+)(?:\s+//\s*(\S.*))?$`)

// A directive silences one analyzer on one line.
type directive struct {
	pos    token.Pos
	reason string
	used   bool
}

// A place is a line of a file.
type place struct {
	file string
	line int
}

// names finds directives that name an analyzer which is none of ours.
var names = &analysis.Analyzer{
	Name: "nolint",
	Doc:  "find nolint directives that name no analyzer of this program",
	Run: func(pass *analysis.Pass) (any, error) {
		for _, file := range pass.Files {
			for _, group := range file.Comments {
				for _, c := range group.List {
					match := comment.FindStringSubmatch(c.Text)
					if match == nil {
						continue
					}
					for _, name := range strings.Split(match[1], ",") {
						if !slices.Contains([]string{"errorlint", "errcheck", "bodyclose", "gosec"}, name) {
							pass.Reportf(c.Pos(), "nolint:%s: there is no such analyzer", name)
						}
					}
				}
			}
		}
		return nil, nil
	},
}

// concern says whether an analyzer looks at a file.
type concern func(pass *analysis.Pass, file string) bool

// silenceable is a for the files that are of its concern, obeying the directives that
// name it.
func silenceable(a *analysis.Analyzer, concerns concern) *analysis.Analyzer {
	wrapped := *a
	wrapped.Run = func(pass *analysis.Pass) (any, error) {
		directives := directivesOf(pass, a.Name)
		inner := *pass
		inner.Report = func(d analysis.Diagnostic) {
			at := pass.Fset.Position(d.Pos)
			if !concerns(pass, at.Filename) {
				return
			}
			if found := directives[place{at.Filename, at.Line}]; found != nil {
				found.used = true
				return
			}
			d.Message = a.Name + ": " + d.Message
			pass.Report(d)
		}
		result, err := a.Run(&inner)
		for _, d := range directives {
			switch {
			case d.reason == "":
				pass.Reportf(d.pos, "nolint:%s without a reason; want //nolint:%s // why", a.Name, a.Name)
			case !d.used:
				pass.Reportf(d.pos, "nolint:%s silences nothing", a.Name)
			}
		}
		return result, err
	}
	return &wrapped
}

// directivesOf are those that name an analyzer, also where it does not look: there they
// silence nothing.
func directivesOf(pass *analysis.Pass, name string) map[place]*directive {
	found := map[place]*directive{}
	for _, file := range pass.Files {
		for _, group := range file.Comments {
			for _, c := range group.List {
				if d := parse(c, name); d != nil {
					at := pass.Fset.Position(c.Pos())
					found[place{at.Filename, at.Line}] = d
				}
			}
		}
	}
	return found
}

// parse returns what c says about the analyzer name, nil if it says nothing.
func parse(c *ast.Comment, name string) *directive {
	match := comment.FindStringSubmatch(c.Text)
	if match == nil || !slices.Contains(strings.Split(match[1], ","), name) {
		return nil
	}
	return &directive{pos: c.Pos(), reason: match[2]}
}
