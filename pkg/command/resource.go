package command

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/command/step"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/connect"
	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/task"
	"github.com/perpetual-ci/perpetual/pkg/upgrade"
	"github.com/perpetual-ci/perpetual/pkg/verify"
)

// checkDeadline bounds check: Concourse's own limit for checks is an hour.
const checkDeadline = 5 * time.Minute

func runCheck(ctx context.Context, c *Call) error {
	req, err := resource.DecodeCheck(c.request())
	c.Mask(req.Source.Secrets()...)
	if err == nil {
		err = component.Validate(req.Source)
	}
	if err != nil {
		return err
	}
	c.levelOf(req.Source)
	ctx, cancel := context.WithTimeout(ctx, checkDeadline)
	defer cancel()
	var versions []resource.Version
	if req.Source.IsComponents() {
		versions, err = c.checkComponents(ctx, req)
	} else {
		versions, err = c.checkDeployment(ctx, req)
	}
	if err != nil {
		return err
	}
	return resource.WriteVersions(c.Out, versions)
}

func (c *Call) checkComponents(ctx context.Context, req resource.CheckRequest) ([]resource.Version, error) {
	set, err := c.Connector().Upstreams(req.Source)
	if err != nil {
		return nil, err
	}
	return set.Check(ctx, req.Source, req.Version)
}

func (c *Call) checkDeployment(ctx context.Context, req resource.CheckRequest) ([]resource.Version, error) {
	d, err := c.Connector().Director(req.Source.Director)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return step.Check(ctx, task.Check{Director: d, Log: c.Err, Debug: c.debug}, req)
}

func runIn(ctx context.Context, c *Call) error {
	req, err := resource.DecodeIn(c.request())
	c.Mask(req.Source.Secrets()...)
	if err == nil {
		err = component.Validate(req.Source)
	}
	if err != nil {
		return err
	}
	c.levelOf(req.Source)
	dir, err := c.dir()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the directory of in: %w", err)
	}
	var result resource.Result
	if req.Source.IsComponents() {
		var set component.Set
		if set, err = c.Connector().Upstreams(req.Source); err == nil {
			result, err = set.In(ctx, req, dir)
		}
	} else {
		result, err = c.inDeployment(ctx, req, dir)
	}
	if err != nil {
		return err
	}
	crash.Here("before-result")
	err = c.answer(result)
	crash.Here("after-result")
	return err
}

func (c *Call) inDeployment(ctx context.Context, req resource.InRequest, dir string) (resource.Result, error) {
	d, err := c.Connector().Director(req.Source.Director)
	if err != nil {
		return resource.Result{}, err
	}
	defer d.Close()
	web, err := c.atc(req.Source.Concourse)
	if err != nil {
		return resource.Result{}, err
	}
	store, err := c.Connector().State(req.Source.State)
	if err != nil {
		return resource.Result{}, err
	}
	return step.Get(ctx, verify.Verification{
		Director: d, ATC: web, Concourse: web, Keepers: d.Keepers(store, req.Source.Deployment), Sets: d.Sets(req.Source.Deployment), Log: c.Err, Debug: c.debug, Settle: connect.Settle(), Poll: connect.Poll(),
	}, req, dir)
}

func runOut(ctx context.Context, c *Call) error {
	req, err := resource.DecodeOut(c.request())
	c.Mask(req.Secrets()...)
	if err != nil {
		return err
	}
	c.levelOf(req.Source)
	dir, err := c.dir()
	if err != nil {
		return err
	}
	d, err := c.Connector().Director(req.Source.Director)
	if err != nil {
		return err
	}
	defer d.Close()
	web, err := c.atc(req.Source.Concourse)
	if err != nil {
		return err
	}
	store, err := c.Connector().State(req.Source.State)
	if err != nil {
		return err
	}
	asked, err := step.Put(req, dir)
	if err != nil {
		return err
	}
	did, err := upgrade.Out{
		Director: d, ATC: web, Concourse: web, Keeper: d.Keepers(store, req.Source.Deployment)[0], Sets: d.Sets(req.Source.Deployment), State: store,
		Build: upgrade.NewBuild(c.Env), Program: Version, Log: c.Err, Debug: c.debug, Mask: c.Mask,
		Poll: connect.Poll(), Acceptance: connect.Acceptance(), Still: connect.Still(), LeaseTTL: connect.LeaseTTL(),
	}.Run(ctx, asked)
	if err != nil {
		return err
	}
	crash.Here("before-result")
	err = c.answer(step.PutResult(req, did))
	crash.Here("after-result")
	return err
}

// answer writes what in or out has done. Metadata has what servers say, which may repeat
// what they were given.
func (c *Call) answer(result resource.Result) error {
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

// atc gives nothing for a source without a concourse section.
func (c *Call) atc(s resource.Concourse) (concourseAPI, error) {
	if s == (resource.Concourse{}) {
		return nil, nil
	}
	return c.Connector().ATC(s)
}
