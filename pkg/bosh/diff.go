package bosh

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/retry"
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

// Diff asks the director to compare a manifest with the deployed one; without
// one, every line is added. Values of properties are always redacted: the diff
// goes to build logs. A manifest that the director cannot compare, because it
// names a stemcell that is not there, is a *ResponseError: a real director
// v283.1.6 answers 200 and no lines then, which must not pass for "no change".
// A comparison changes nothing, so it is repeated as a GET is.
func (c *Client) Diff(ctx context.Context, name string, manifest []byte) (Diff, error) {
	path, err := deploymentPath(name)
	if err != nil {
		return Diff{}, err
	}
	var answer struct {
		Context json.RawMessage `json:"context"`
		Diff    [][]*string     `json:"diff"`  // [["name: concourse","added"],["",null]]
		Error   string          `json:"error"` // "Unable to diff manifest: #<…>\n" and a stack trace
	}
	k := c.call(retry.Repeatable(ctx))
	err = k.request().Post(path+"/diff?redact=true", manifest, func(req *http.Request) {
		req.Header.Set("Content-Type", "text/yaml")
	}, &answer)
	if err := k.explain(err); err != nil {
		return Diff{}, err
	}
	if answer.Error != "" {
		reason, _, _ := strings.Cut(answer.Error, "\n")
		return Diff{}, &ResponseError{
			Method: k.method, Path: k.path, Status: k.last.status, Description: c.auth.mask(reason),
			what: "director could not compare the manifest",
		}
	}
	diff := Diff{Context: answer.Context}
	for _, pair := range answer.Diff {
		var line DiffLine
		for i, part := range []*string{&line.Text, &line.Op} {
			if i < len(pair) && pair[i] != nil {
				*part = *pair[i]
			}
		}
		diff.Lines = append(diff.Lines, line)
	}
	return diff, nil
}
