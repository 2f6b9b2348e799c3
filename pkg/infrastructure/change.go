package infrastructure

import (
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/aws/cloudformation"
	"github.com/perpetual-ci/perpetual/pkg/aws/stack"
)

// ChangeLines say of a change what happens to which resource: "+ Database (AWS::RDS::DBInstance)",
// "~ WebGroup …"; one that begins with "!" says what is done besides. What changes in it
// comes last.
func ChangeLines(c stack.Change) (lines []string) {
	switch {
	case c.Repair != "":
		lines = append(lines, "! before anything else: "+c.Repair+"; what changes after that is known only then")
	case c.Protect && !c.Create:
		lines = append(lines, "! the stack's protection against deletion is turned on")
	}
	for _, r := range c.Resources {
		lines = append(lines, describe(r))
	}
	return append(lines, c.Details...)
}

// describe makes a line of a resource's change: "~ Database (AWS::RDS::DBInstance) …".
func describe(r cloudformation.ResourceChange) string {
	sign := map[cloudformation.Action]string{cloudformation.Add: "+", cloudformation.Modify: "~", cloudformation.Remove: "-"}[r.Action]
	if sign == "" {
		sign = "~"
	}
	line := fmt.Sprintf("%s %s (%s)", sign, r.LogicalID, r.Type)
	if len(r.Details) > 0 {
		line += " " + strings.Join(r.Details, ", ")
	}
	switch r.Replacement {
	case "True":
		line += "; it is replaced"
	case "Conditional":
		line += "; it may be replaced"
	}
	return line
}

// EventLine makes a line of an event: "Database: create in progress".
func EventLine(e cloudformation.Event) string {
	if e.Status == "" {
		return e.Reason
	}
	line := e.LogicalID + ": " + strings.ToLower(strings.ReplaceAll(e.Status, "_", " "))
	if e.Reason != "" {
		line += ", " + e.Reason
	}
	return line
}
