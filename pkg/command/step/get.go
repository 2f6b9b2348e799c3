package step

import (
	"context"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/task"
	"github.com/perpetual-ci/perpetual/pkg/verify"
)

// Check is a check of a deployment: the deploys that have ended.
func Check(ctx context.Context, c task.Check, req resource.CheckRequest) ([]resource.Version, error) {
	var given *int
	if len(req.Version) > 0 {
		id, err := req.Version.Task()
		if err != nil {
			return nil, err
		}
		given = &id
	}
	ids, err := c.Run(ctx, req.Source.Deployment, given)
	if err != nil {
		return nil, err
	}
	versions := []resource.Version{}
	for _, id := range ids {
		versions = append(versions, resource.TaskVersion(id))
	}
	return versions, nil
}

// Get is a get of a deployment. It writes task.json, events.jsonl, manifest.yml,
// instances.json and report.md into dir, also where the verification fails.
func Get(ctx context.Context, v verify.Verification, req resource.InRequest, dir string) (resource.Result, error) {
	id, err := req.Version.Task()
	if err != nil {
		return resource.Result{}, err
	}
	f, err := v.Run(ctx, verify.Request{
		Deployment: req.Source.Deployment, Task: id, Judge: req.Params.Verify, Timeout: req.Params.Timeout.Duration,
	})
	if f != nil {
		if err := f.Write(dir); err != nil {
			return resource.Result{}, err
		}
	}
	if err != nil {
		return resource.Result{}, err
	}
	return getResult(req.Version, f), nil
}

// getResult is a get's answer.
func getResult(version resource.Version, f *verify.Facts) resource.Result {
	r := resource.Result{Version: version}
	add := func(name, value string) { r.Metadata = append(r.Metadata, resource.Field{Name: name, Value: value}) }
	add("state", f.Task.State)
	if d := f.Task.FinishedAt.Sub(f.Task.StartedAt); d > 0 && f.Task.Finished() {
		add("took", d.Round(time.Second).String())
	}
	if f.Failure != nil {
		add("failure", f.Failure.String())
	}
	for _, nv := range f.Versions() {
		add(nv.Name, nv.Version)
	}
	return r
}
