package bosh

import (
	"encoding/json"
	"slices"
)

// DiffLine is one line of a manifest diff.
type DiffLine struct {
	Text string // "  version: '8.2.5'"
	Op   string // "added", "removed", or "" for a line that gives the place
}

// Diff is what a deploy would change in the manifest and the configs. Property
// values read "<redacted>", on both sides of a change.
type Diff struct {
	Lines []DiffLine
	// Context names the configs that the diff was made with, for DeployOptions:
	// {"cloud_config_ids":[1],"runtime_config_ids":[]}
	Context json.RawMessage
}

// Changed says whether the manifests differ. A changed property counts, although
// its value is not shown.
func (d Diff) Changed() bool {
	return slices.ContainsFunc(d.Lines, func(line DiffLine) bool { return line.Op != "" })
}
