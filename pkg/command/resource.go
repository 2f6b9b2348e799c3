package command

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/command/step"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/state"
	"github.com/perpetual-ci/perpetual/pkg/task"
	"github.com/perpetual-ci/perpetual/pkg/upgrade"
	"github.com/perpetual-ci/perpetual/pkg/verify"
)

// checkDeadline bounds check: Concourse's own limit for checks is an hour.
const checkDeadline = 5 * time.Minute

// upstreamDeadline bounds all upstreams of a component set together.
const upstreamDeadline = 90 * time.Second

const (
	// poll is the time between two looks at what somebody else is doing.
	poll = 2 * time.Second
	// acceptance is how long the task of a lost answer is looked for.
	acceptance = 30 * time.Second
	// settle is how long after a deploy the ATC and the workers may take.
	settle = 5 * time.Minute
	// still is for how long no build may have run before a quiet upgrade begins: as
	// long as Concourse may take to start one that it has scheduled already.
	still = 10 * time.Second
)

func runCheck(ctx context.Context, c *call) error {
	req, err := resource.DecodeCheck(c.request())
	c.log.Add(req.Source.Secrets()...)
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

func (c *call) checkComponents(ctx context.Context, req resource.CheckRequest) ([]resource.Version, error) {
	set, err := c.set(req.Source)
	if err != nil {
		return nil, err
	}
	return set.Check(ctx, req.Source, req.Version)
}

func (c *call) checkDeployment(ctx context.Context, req resource.CheckRequest) ([]resource.Version, error) {
	d, err := c.director(req.Source.Director)
	if err != nil {
		return nil, err
	}
	defer d.close()
	return step.Check(ctx, task.Check{Director: d, Log: c.log, Debug: c.debug}, req)
}

func runIn(ctx context.Context, c *call) error {
	req, err := resource.DecodeIn(c.request())
	c.log.Add(req.Source.Secrets()...)
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
		if set, err = c.set(req.Source); err == nil {
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

func (c *call) inDeployment(ctx context.Context, req resource.InRequest, dir string) (resource.Result, error) {
	d, err := c.director(req.Source.Director)
	if err != nil {
		return resource.Result{}, err
	}
	defer d.close()
	web, concourse, err := c.atc(req.Source.Concourse)
	if err != nil {
		return resource.Result{}, err
	}
	store, err := c.store(req.Source.State)
	if err != nil {
		return resource.Result{}, err
	}
	return step.Get(ctx, verify.Verification{
		Director: d, ATC: web, Concourse: concourse, Keepers: keepers(store, d, req.Source.Deployment), Sets: d.sets(req.Source.Deployment), Log: c.log, Debug: c.debug, Settle: crash.Scale(settle), Poll: crash.Scale(poll),
	}, req, dir)
}

func runOut(ctx context.Context, c *call) error {
	req, err := resource.DecodeOut(c.request())
	c.log.Add(req.Secrets()...)
	if err != nil {
		return err
	}
	c.levelOf(req.Source)
	dir, err := c.dir()
	if err != nil {
		return err
	}
	d, err := c.director(req.Source.Director)
	if err != nil {
		return err
	}
	defer d.close()
	web, concourse, err := c.atc(req.Source.Concourse)
	if err != nil {
		return err
	}
	store, err := c.store(req.Source.State)
	if err != nil {
		return err
	}
	asked, err := step.Put(req, dir)
	if err != nil {
		return err
	}
	did, err := upgrade.Out{
		Director: d, ATC: web, Concourse: concourse, Keeper: keepers(store, d, req.Source.Deployment)[0], Sets: d.sets(req.Source.Deployment), State: store,
		Build: c.build(), Program: Version, Log: c.log, Debug: c.debug, Mask: c.log.Add,
		Poll: crash.Scale(poll), Acceptance: crash.Scale(acceptance), Still: crash.Scale(still), LeaseTTL: leaseTTL(),
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
func (c *call) answer(result resource.Result) error {
	for i := range result.Metadata {
		result.Metadata[i].Value = c.log.Mask(result.Metadata[i].Value)
	}
	return resource.WriteResult(c.Out, result)
}

// keepers are where the list of paused pipelines may be, the one to write to first.
func keepers(store state.Store, d director, deployment string) []pause.Keeper {
	list := []pause.Keeper{d.Keeper(deployment)}
	if store != nil {
		list = append([]pause.Keeper{pause.InState(store, deployment)}, list...)
	}
	return list
}

// build is what Concourse says of the build.
func (c *call) build() upgrade.Build {
	return upgrade.Build{
		Team: c.Env("BUILD_TEAM_NAME"), Pipeline: c.Env("BUILD_PIPELINE_NAME"),
		InstanceVars: c.Env("BUILD_PIPELINE_INSTANCE_VARS"), Job: c.Env("BUILD_JOB_NAME"), Name: c.Env("BUILD_NAME"),
		ID: c.Env("BUILD_ID"),
	}
}
