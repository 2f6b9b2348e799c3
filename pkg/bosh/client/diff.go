package client

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// Diff asks the director to compare a manifest with the deployed one; without
// one, every line is added. Values of properties are always redacted: the diff
// goes to build logs. A manifest that the director cannot compare, because it
// names a stemcell that is not there, is a *bosh.ResponseError: a real director
// v283.1.6 answers 200 and no lines then, which must not pass for "no change".
// A comparison changes nothing, so it is repeated as a GET is.
func (c *Client) Diff(ctx context.Context, name string, manifest []byte) (bosh.Diff, error) {
	path, err := deploymentPath(name)
	if err != nil {
		return bosh.Diff{}, err
	}
	var answer struct {
		Context json.RawMessage `json:"context"`
		Diff    [][]*string     `json:"diff"`  // [["name: concourse","added"],["",null]]
		Error   string          `json:"error"` // "Unable to diff manifest: #<…>\n" and a stack trace
	}
	k := c.wire.Call(retry.Repeatable(ctx))
	err = k.Request().Post(path+"/diff?redact=true", manifest, func(req *http.Request) {
		req.Header.Set("Content-Type", "text/yaml")
	}, &answer)
	if err := k.Explain(err); err != nil {
		return bosh.Diff{}, err
	}
	if answer.Error != "" {
		reason, _, _ := strings.Cut(answer.Error, "\n")
		return bosh.Diff{}, k.Refusal("director could not compare the manifest", reason)
	}
	diff := bosh.Diff{Context: answer.Context}
	for _, pair := range answer.Diff {
		var line bosh.DiffLine
		for i, part := range []*string{&line.Text, &line.Op} {
			if i < len(pair) && pair[i] != nil {
				*part = *pair[i]
			}
		}
		diff.Lines = append(diff.Lines, line)
	}
	return diff, nil
}
