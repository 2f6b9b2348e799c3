package upgrade

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/task"
)

// tasks are those of the run's deployment, back to a deploy that was done: what was
// before it counts no more.
func (o Out) tasks(ctx context.Context, r *run) ([]bosh.Task, error) {
	tasks, err := task.All(ctx, o.Director, bosh.TaskFilter{Deployment: r.Deployment, All: true}, func(tasks []bosh.Task) bool {
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
func (r *run) operation(build Build) task.Operation {
	forced := ""
	if r.Recreate || r.Fix {
		forced = cmp.Or(build.ID, task.ByHand)
	}
	parts := []string{r.Deployment, r.digest, strconv.FormatBool(r.Recreate), strconv.FormatBool(r.Fix), forced}
	for _, w := range r.stock.Wanted {
		if w.Latest() { // it means another version once the director has a newer one
			parts = append(parts, w.String())
		}
	}
	return task.Identify(build.ID, r.configs, parts...)
}
