// Package comparison says what a deploy of a plan would change, once nobody else works on
// the deployment, and whether one of the same content runs, is done, or has failed before.
package comparison

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/inventory"
	"github.com/perpetual-ci/perpetual/pkg/task"
	"github.com/perpetual-ci/perpetual/pkg/upgrade/plan"
)

// Director is what a comparison asks of a BOSH director.
type Director interface {
	task.Director
	// Locks lists them, those included that have expired and nobody has taken over.
	Locks(ctx context.Context) ([]bosh.Lock, error)
	// Manifest is the deployed one; it fails with bosh.ErrNotFound where there is none.
	Manifest(ctx context.Context, name string) ([]byte, error)
	Diff(ctx context.Context, deployment string, manifest []byte) (bosh.Diff, error)
}

// Comparison compares a plan with what the director has and does. It reads the plan again
// where it had to wait.
type Comparison struct {
	Plan        *plan.Plan
	Director    Director
	Poll        time.Duration // between two looks at the director's tasks
	LockTimeout time.Duration // how long to wait for another run or deploy to end
	Debug       *slog.Logger  // gets why tasks are judged as they are

	left    []int  // queued tasks that no worker will take, as people were told
	configs string // the cloud and runtime configs of the last comparison; "" is not known
}

// Compare waits until nothing else works on the deployment and gives what the
// director says of the difference then. Where there is none, it looks again: who
// made it so may have been at it since the first look, and who has begun
// something else is waited for, as at the first look.
func (c *Comparison) Compare(ctx context.Context) (v task.Verdict, diff bosh.Diff, err error) {
	deadline := time.Now().Add(c.LockTimeout)
	c.configs = ""                                          // they may have been set since
	if err := c.Plan.Stock.ResolveLatest(ctx); err != nil { // as may something newer have been uploaded
		return v, diff, err
	}
	for again := false; ; again = true {
		if v, err = c.settle(ctx, deadline, again); err != nil || v.Running != nil {
			return v, diff, err
		}
		if diff, err = c.Diff(ctx); err != nil {
			return v, diff, fmt.Errorf("compare manifest: %w", err)
		}
		op := c.Operation() // now that the configs are known
		v = task.Judge(op, v.Tasks)
		c.tellJudgement(ctx, op, v.Tasks, v)
		if diff.Changed() {
			// The arrangement follows what was deployed when the run read it.
			now, err := c.Director.Manifest(ctx, c.Plan.Request.Deployment)
			if err != nil && !errors.Is(err, bosh.ErrNotFound) {
				return v, diff, fmt.Errorf("read deployment %s: %w", c.Plan.Request.Deployment, err)
			}
			if bytes.Equal(now, c.Plan.Deployed.Manifest) {
				return v, diff, nil
			}
			continue
		}
		holder := ""
		if v, holder, err = c.look(ctx); err != nil || v.Running != nil || holder == "" {
			return v, diff, err
		}
	}
}

// Diff is the director's comparison, which also tells the configs that a deploy would
// have. A manifest that differs from the deployed one in its arrangement alone is the
// deployed one.
func (c *Comparison) Diff(ctx context.Context) (bosh.Diff, error) {
	if c.Plan.Way.Plain != nil && !bytes.Equal(c.Plan.Way.Plain, c.Plan.Manifest) && !c.hasNewRelease() {
		diff, err := c.Director.Diff(ctx, c.Plan.Request.Deployment, c.Plan.Way.Plain)
		if err != nil || !diff.Changed() {
			c.configs = task.ConfigsOf(diff.Context)
			return diff, err
		}
	}
	diff, err := c.Director.Diff(ctx, c.Plan.Request.Deployment, c.Plan.Manifest)
	if err == nil {
		c.configs = task.ConfigsOf(diff.Context)
	}
	return diff, err
}

// hasNewRelease says whether the manifest takes a release that the deployment does not
// use: then it differs from the deployed one in more than its arrangement.
func (c *Comparison) hasNewRelease() bool {
	return slices.ContainsFunc(c.Plan.Stock.Wanted, func(w inventory.Wanted) bool {
		return !w.Stemcell && w.Version != "" && !w.In(c.Plan.Deployed.Releases)
	})
}
