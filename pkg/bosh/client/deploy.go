package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/bosh/transport"
)

// deployQuery is o as the director's API wants it.
func deployQuery(o bosh.DeployOptions) (url.Values, error) {
	q := url.Values{}
	for name, set := range map[string]bool{"dry_run": o.DryRun, "recreate": o.Recreate, "fix": o.Fix} {
		if set {
			q.Set(name, "true")
		}
	}
	for name, value := range map[string]string{"canaries": o.Canaries, "max_in_flight": o.MaxInFlight} {
		if value != "" {
			q.Set(name, value)
		}
	}
	switch {
	case slices.Contains(o.SkipDrain, "*"):
		q.Set("skip_drain", "*")
	case len(o.SkipDrain) > 0:
		q.Set("skip_drain", strings.Join(o.SkipDrain, ","))
	}
	if len(o.DiffContext) > 0 && string(o.DiffContext) != "null" {
		var compact bytes.Buffer
		if err := json.Compact(&compact, o.DiffContext); err != nil {
			return nil, fmt.Errorf("read the diff's context: %w", err)
		}
		q.Set("context", compact.String())
	}
	return q, nil
}

// Deploy submits a manifest, once, and returns the task's id as soon as the
// director has accepted it; nobody needs to stay for the task. The director
// checks little before that: an unknown release or VM type is an error of the
// task. Its errors are a *bosh.ResponseError for a refusal, and *bosh.UncertainError when
// the task may have been made.
func (c *Client) Deploy(ctx context.Context, manifest []byte, o bosh.DeployOptions) (taskID int, err error) {
	query, err := deployQuery(o)
	if err != nil {
		return 0, fmt.Errorf("submit deploy: %w", err)
	}
	return c.wire.Submit(ctx, transport.Submission{
		Action: "submit deploy", Method: http.MethodPost, Path: "/deployments", Query: query,
		MediaType: "text/yaml", Body: manifest, ContextID: o.ContextID,
	})
}

// DeleteDeployment submits the deletion of a deployment, once. Its error is
// bosh.ErrNotFound if there is none, otherwise as those of Deploy.
func (c *Client) DeleteDeployment(ctx context.Context, name string, o bosh.DeleteOptions) (taskID int, err error) {
	action := "submit deletion of deployment " + name
	path, err := deploymentPath(name)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", action, err)
	}
	query := url.Values{}
	if o.Force {
		query.Set("force", "true")
	}
	return c.wire.Submit(ctx, transport.Submission{
		Action: action, Method: http.MethodDelete, Path: path, Query: query, ContextID: o.ContextID,
	})
}

// deploymentPath is the path of a deployment; the name is a user's.
func deploymentPath(name string) (string, error) {
	if name == "" || name == "." || name == ".." {
		return "", fmt.Errorf("%q is not a valid deployment name", name)
	}
	return "/deployments/" + url.PathEscape(name), nil
}
