package upgrade

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// Check gives the finished deploy tasks of a deployment, well or badly ended,
// from the given version on.
type Check struct {
	Director Tasks
	Log      io.Writer
	Debug    *slog.Logger // hears what the tasks were taken for; nil: nobody does
}

// Run gives the last one at the first check; later the given one, if the
// director still knows it, and all after it.
func (c Check) Run(ctx context.Context, deployment string, given resource.Version) ([]resource.Version, error) {
	after := 0
	if len(given) > 0 {
		var err error
		if after, err = given.Task(); err != nil {
			return nil, err
		}
	}
	tasks, err := finishedDeploys(ctx, c.Director, deployment)
	if err != nil {
		return nil, err
	}
	if len(given) == 0 && len(tasks) > 1 {
		tasks = tasks[len(tasks)-1:]
	}
	tell(ctx, c.Debug, "deploys that have ended", "deployment", deployment, "after", after, "tasks", taskIDs(tasks))
	versions := []resource.Version{}
	for _, t := range tasks {
		if t.ID >= after {
			versions = append(versions, resource.TaskVersion(t.ID))
		}
	}
	if len(tasks) > 0 && tasks[len(tasks)-1].ID < after {
		_, _ = fmt.Fprintf(c.Log, "director task %d has not ended yet, or the director has forgotten it\n", after)
	}
	return versions, nil
}

func taskIDs(tasks []Task) string {
	ids := make([]int, len(tasks))
	for i, t := range tasks {
		ids[i] = t.ID
	}
	return numbers(ids)
}

// finishedDeploys are the deploy tasks that have ended, lowest id first.
func finishedDeploys(ctx context.Context, director Tasks, deployment string) ([]Task, error) {
	tasks, err := director.Tasks(ctx, TaskFilter{
		Deployment: deployment, Limit: recentTasks,
		States: []string{StateDone, StateError, StateTimeout, StateCancelled},
	})
	if err != nil {
		return nil, fmt.Errorf("list finished tasks: %w", err)
	}
	var deploys []Task
	for _, t := range tasks {
		// A dry run is called "create deployment (dry run)".
		if t.Description == deployDescription && strings.EqualFold(t.Deployment, deployment) {
			deploys = append(deploys, t)
		}
	}
	// A twin that lost the lock to its sibling says nothing of its own.
	all := slices.Clone(deploys)
	deploys = slices.DeleteFunc(deploys, func(t Task) bool {
		return t.lostLock() && t.ContextID != "" && slices.ContainsFunc(all, func(o Task) bool {
			return o.ContextID == t.ContextID && !o.lostLock()
		})
	})
	slices.SortFunc(deploys, func(a, b Task) int { return cmp.Compare(a.ID, b.ID) })
	return deploys, nil
}
