package report

import (
	"fmt"
	"strings"
)

// Destroyed is the result of destroy with --output json.
type Destroyed struct {
	Name string   `json:"name"` // "ci"
	Left []string `json:"left"` // what is kept on purpose or could not be deleted
}

// Text is the result for people.
func (d Destroyed) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s is deleted.\n", d.Name)
	if len(d.Left) > 0 {
		b.WriteString("\nWhat is left, on purpose or because deletions show late:\n")
		for _, line := range d.Left {
			b.WriteString("  " + line + "\n")
		}
	}
	return b.String()
}
