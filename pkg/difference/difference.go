// Package difference compares documents leaf by leaf, for people: what a plan would
// change in a manifest, with its secrets hidden.
package difference

import (
	"fmt"
	"strings"
)

// Hidden stands for a secret in what is shown.
const Hidden = "(hidden)"

// Leaf is one value of a document: a scalar, or a list of scalars.
type Leaf struct {
	Path string `json:"path"`           // "releases/bosh/url": items of lists by their names, else by their numbers
	Text string `json:"text,omitempty"` // "https://bosh.io/d/…", with what is secret in it as "(hidden)"
	// Seal tells one hidden value from another, and gives neither away: "5f1c0a9e3b7d2264".
	// Empty where nothing is hidden, or where the reader had no key.
	Seal string `json:"seal,omitempty"`
}

// hides says whether something of the value is hidden.
func (l Leaf) hides() bool { return strings.Contains(l.Text, Hidden) }

// own says whether the value is the document's own: shown, and no ((variable)).
func (l Leaf) own() bool { return !l.hides() && !strings.Contains(l.Text, "((") }

// Lines say what becomes of before: "+ path: text" is new, "- path: text" goes, and
// "~ path: old → new" changes. They are in the order of after; what goes is at the end.
func Lines(before, after []Leaf) []string {
	old, kept := map[string]Leaf{}, map[string]bool{}
	for _, l := range before {
		old[l.Path] = l
	}
	var lines []string
	for _, l := range after {
		was, there := old[l.Path]
		kept[l.Path] = true
		switch {
		case !there:
			lines = append(lines, "+ "+l.String())
		case was.Text != l.Text:
			lines = append(lines, fmt.Sprintf("~ %s: %s → %s", l.Path, was.Text, l.Text))
		case was.Seal != l.Seal && was.Seal != "" && l.Seal != "":
			lines = append(lines, fmt.Sprintf("~ %s: %s, another value", l.Path, l.Text))
		}
	}
	for _, l := range before {
		if !kept[l.Path] {
			kept[l.Path] = true
			lines = append(lines, "- "+l.String())
		}
	}
	return lines
}

// String is the leaf for people: "releases/bosh/version: 283.1.6".
func (l Leaf) String() string { return l.Path + ": " + l.Text }
