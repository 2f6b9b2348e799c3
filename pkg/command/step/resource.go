package step

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/connect"
	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/task"
	"github.com/perpetual-ci/perpetual/pkg/upgrade"
	"github.com/perpetual-ci/perpetual/pkg/upgrade/plan"
	"github.com/perpetual-ci/perpetual/pkg/upstream"
	"github.com/perpetual-ci/perpetual/pkg/verify"
)

// checkDeadline bounds check: Concourse's own limit for checks is an hour.
const checkDeadline = 5 * time.Minute

func runCheck(ctx context.Context, c *command.Call) error {
	req, err := resource.DecodeCheck(c.Request())
	c.Mask(req.Source.Secrets()...)
	if err == nil {
		err = upstream.Validate(req.Source)
	}
	if err != nil {
		return err
	}
	c.SetLevel(req.Source.LogLevel)
	ctx, cancel := context.WithTimeout(ctx, checkDeadline)
	defer cancel()
	var versions []resource.Version
	if req.Source.IsComponents() {
		versions, err = checkComponents(ctx, c, req)
	} else {
		versions, err = checkDeployment(ctx, c, req)
	}
	if err != nil {
		return err
	}
	return resource.WriteVersions(c.Out, versions)
}

func checkComponents(ctx context.Context, c *command.Call, req resource.CheckRequest) ([]resource.Version, error) {
	set, err := c.Connector().Upstreams(req.Source)
	if err != nil {
		return nil, err
	}
	return set.Check(ctx, req.Source, req.Version)
}

func checkDeployment(ctx context.Context, c *command.Call, req resource.CheckRequest) ([]resource.Version, error) {
	d, err := c.Connector().Director(req.Source.Director)
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }()
	return Check(ctx, task.Check{Director: d, Log: c.Err, Debug: c.Logger()}, req)
}

func runIn(ctx context.Context, c *command.Call) error {
	req, err := resource.DecodeIn(c.Request())
	c.Mask(req.Source.Secrets()...)
	if err == nil {
		err = upstream.Validate(req.Source)
	}
	if err != nil {
		return err
	}
	c.SetLevel(req.Source.LogLevel)
	dir, err := c.Dir()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // the tasks of a build read it as other users
		return fmt.Errorf("make the directory of in: %w", err)
	}
	var result resource.Result
	if req.Source.IsComponents() {
		var set upstream.Set
		if set, err = c.Connector().Upstreams(req.Source); err == nil {
			result, err = set.In(ctx, req, dir)
		}
	} else {
		result, err = inDeployment(ctx, c, req, dir)
	}
	if err != nil {
		return err
	}
	crash.Here("before-result")
	err = answer(c, result)
	crash.Here("after-result")
	return err
}

func inDeployment(ctx context.Context, c *command.Call, req resource.InRequest, dir string) (resource.Result, error) {
	d, err := c.Connector().Director(req.Source.Director)
	if err != nil {
		return resource.Result{}, err
	}
	defer func() { _ = d.Close() }()
	web, err := openATC(c, req.Source.Concourse)
	if err != nil {
		return resource.Result{}, err
	}
	store, err := c.Connector().State(req.Source.State)
	if err != nil {
		return resource.Result{}, err
	}
	return Get(ctx, verify.Verification{
		Director: d, ATC: web, Concourse: web, Keepers: d.Keepers(store, req.Source.Deployment), Sets: d.Sets(req.Source.Deployment), Log: c.Err, Debug: c.Logger(), Settle: connect.Settle(), Poll: connect.Poll(),
	}, req, dir)
}

func runOut(ctx context.Context, c *command.Call) error {
	req, err := resource.DecodeOut(c.Request())
	c.Mask(req.Secrets()...)
	if err != nil {
		return err
	}
	c.SetLevel(req.Source.LogLevel)
	dir, err := c.Dir()
	if err != nil {
		return err
	}
	d, err := c.Connector().Director(req.Source.Director)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	web, err := openATC(c, req.Source.Concourse)
	if err != nil {
		return err
	}
	store, err := c.Connector().State(req.Source.State)
	if err != nil {
		return err
	}
	asked, err := Put(req, dir)
	if err != nil {
		return err
	}
	did, err := upgrade.Out{
		Director: d, ATC: web, Concourse: web, Keeper: d.Keepers(store, req.Source.Deployment)[0], Sets: d.Sets(req.Source.Deployment), State: store,
		Build: plan.NewBuild(c.Env), Program: command.Version, Log: c.Err, Debug: c.Logger(), Mask: c.Mask,
		Poll: connect.Poll(), Acceptance: connect.Acceptance(), Still: connect.Still(), LeaseTTL: connect.LeaseTTL(),
	}.Run(ctx, asked)
	if err != nil {
		return err
	}
	crash.Here("before-result")
	err = answer(c, PutResult(req, did))
	crash.Here("after-result")
	return err
}

// answer writes what in or out has done. Metadata has what servers say, which may repeat
// what they were given.
func answer(c *command.Call, result resource.Result) error {
	for i := range result.Metadata {
		result.Metadata[i].Value = c.Masked(result.Metadata[i].Value)
	}
	return resource.WriteResult(c.Out, result)
}

// concourseAPI is what a step asks of a Concourse.
type concourseAPI interface {
	upgrade.ATC
	upgrade.Concourse
}

// openATC gives nothing for a source without a concourse section.
func openATC(c *command.Call, s resource.Concourse) (concourseAPI, error) {
	if s == (resource.Concourse{}) {
		return nil, nil
	}
	return c.Connector().ATC(s)
}
