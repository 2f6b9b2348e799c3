package upgrade

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/task"
	"github.com/perpetual-ci/perpetual/pkg/upgrade/plan"
)

// tasks are those of the run's deployment, back to a deploy that was done: what was
// before it counts no more.
func (o Out) tasks(ctx context.Context, r *run) ([]bosh.Task, error) {
	tasks, err := task.All(ctx, o.Director, bosh.TaskFilter{Deployment: r.Request.Deployment, All: true}, func(tasks []bosh.Task) bool {
		return slices.ContainsFunc(tasks, func(t bosh.Task) bool { return t.IsDeploy() && t.State == bosh.StateDone })
	})
	if err != nil {
		return nil, err
	}
	return task.LeaveQueued(ctx, o.Director, tasks, func(t bosh.Task) {
		if !slices.Contains(r.left, t.ID) {
			r.left = append(r.left, t.ID)
			o.note(r, "director task %d is queued, and later ones have ended: no worker will take it; going on without it; %s", t.ID, t.Unqueue())
		}
	})
}

// operation is made of all that changes what the director does. A forced deploy
// is another operation in every build: nothing in the content tells two apart.
func (r *run) operation(build plan.Build) task.Operation {
	forced := ""
	if r.Request.Recreate || r.Request.Fix {
		forced = cmp.Or(build.ID, task.ByHand)
	}
	parts := []string{r.Request.Deployment, r.Digest, strconv.FormatBool(r.Request.Recreate), strconv.FormatBool(r.Request.Fix), forced}
	for _, w := range r.Stock.Wanted {
		if w.Latest() { // it means another version once the director has a newer one
			parts = append(parts, w.String())
		}
	}
	return task.Identify(build.ID, r.configs, parts...)
}
