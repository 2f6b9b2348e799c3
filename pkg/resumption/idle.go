package resumption

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/pause"
)

// byForce is what people may do who know better.
const byForce = "wait until that has ended, or give --force to unpause all the same"

// idle fails while the build that has paused, or a deploy, is under way.
func (r Resumption) idle(ctx context.Context, p pause.Pause) error {
	list, _, err := p.Look(ctx)
	if err != nil {
		return err
	}
	switch runs, err := building(ctx, r.ATC, list); {
	case err != nil:
		return fmt.Errorf("%w; nothing was unpaused", err)
	case runs:
		return fmt.Errorf("the build that has paused, %s, still runs; nothing was unpaused: %s", list.Build, byForce)
	}
	holder, err := r.deploying(ctx)
	if err != nil {
		return fmt.Errorf("ask the director whether a deploy is under way: %w; nothing was unpaused: with --force it is not asked", err)
	}
	if holder != "" {
		return fmt.Errorf("%s holds deployment %s; nothing was unpaused: %s", holder, p.Deployment, byForce)
	}
	return nil
}

// deploying names the director task that deploys or deletes the deployment, or
// has its lock; "" if there is none.
func (r Resumption) deploying(ctx context.Context) (string, error) {
	tasks, err := r.Director.Tasks(ctx, bosh.TaskFilter{Deployment: r.Deployment, States: bosh.Unfinished(), All: true})
	if err != nil {
		return "", err
	}
	for _, t := range tasks {
		if strings.HasPrefix(t.Description, "create deployment") || strings.HasPrefix(t.Description, "delete deployment") {
			return fmt.Sprintf("director task %d (%s by %s, %s)", t.ID, t.Description, t.User, t.State), nil
		}
	}
	locks, err := r.Director.Locks(ctx)
	for _, l := range locks {
		if l.Type == "deployment" && len(l.Resource) > 0 && l.Resource[0] == r.Deployment && l.Holds(r.Now()) {
			return "director task " + strconv.Itoa(l.TaskID) + " (lock of the deployment)", nil
		}
	}
	return "", err
}
