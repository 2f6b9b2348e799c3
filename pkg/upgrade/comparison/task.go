package comparison

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/task"
)

// Tasks are those of the run's deployment, back to a deploy that was done: what was
// before it counts no more.
func (c *Comparison) Tasks(ctx context.Context) ([]bosh.Task, error) {
	tasks, err := task.All(ctx, c.Director, bosh.TaskFilter{Deployment: c.Plan.Request.Deployment, All: true}, func(tasks []bosh.Task) bool {
		return slices.ContainsFunc(tasks, func(t bosh.Task) bool { return t.IsDeploy() && t.State == bosh.StateDone })
	})
	if err != nil {
		return nil, err
	}
	return task.LeaveQueued(ctx, c.Director, tasks, func(t bosh.Task) {
		if !slices.Contains(c.left, t.ID) {
			c.left = append(c.left, t.ID)
			c.Plan.Note("director task %d is queued, and later ones have ended: no worker will take it; going on without it; %s", t.ID, t.Unqueue())
		}
	})
}

// Operation is made of all that changes what the director does. A forced deploy
// is another operation in every build: nothing in the content tells two apart.
func (c *Comparison) Operation() task.Operation {
	forced := ""
	if c.Plan.Request.Recreate || c.Plan.Request.Fix {
		forced = cmp.Or(c.Plan.Build.ID, task.ByHand)
	}
	parts := []string{c.Plan.Request.Deployment, c.Plan.Digest, strconv.FormatBool(c.Plan.Request.Recreate), strconv.FormatBool(c.Plan.Request.Fix), forced}
	for _, w := range c.Plan.Stock.Wanted {
		if w.Latest() { // it means another version once the director has a newer one
			parts = append(parts, w.String())
		}
	}
	return task.Identify(c.Plan.Build.ID, c.configs, parts...)
}
