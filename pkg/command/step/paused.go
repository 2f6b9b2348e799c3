package step

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/connect"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/state"
	"github.com/perpetual-ci/perpetual/pkg/upgrade"
)

// PausedList is what a quiet upgrade has paused, and who works on it.
type PausedList struct {
	pause.List
	DirectorTask bosh.Task // zero: none was accepted, or the director has forgotten it
	Building     bool      // the build that has paused still runs
}

// Paused reads what a quiet upgrade of a deployment has paused, from the
// director's configs. found says whether there is anything. A Concourse that
// does not answer is not an error: its build is taken for ended.
func Paused(ctx context.Context, c connect.Connector, at resource.Director, web resource.Concourse, deployment string) (paused PausedList, found bool, err error) {
	d, err := c.Director(at)
	if err != nil {
		return paused, false, err
	}
	defer d.Close()
	paused.List, found, err = pause.Pause{Keeper: d.Keeper(deployment), Deployment: deployment}.Look(ctx)
	if err != nil || !found {
		return paused, false, err
	}
	if paused.Task != 0 {
		if paused.DirectorTask, err = d.Task(ctx, paused.Task); err != nil && !errors.Is(err, bosh.ErrNotFound) {
			return paused, false, err
		}
	}
	client, err := c.ATC(web)
	if err != nil {
		return paused, false, err
	}
	paused.Building, _ = building(ctx, client, paused.List)
	return paused, true, nil
}

// building says whether the build that has paused still runs.
func building(ctx context.Context, web *concourse.Client, list pause.List) (bool, error) {
	if list.BuildID == 0 {
		return false, nil
	}
	build, err := web.Build(ctx, list.BuildID)
	if errors.Is(err, concourse.ErrNoBuild) {
		return false, nil
	}
	return build.Status == "started", err
}

// byForce is what people may do who know better.
const byForce = "wait until that has ended, or give --force to unpause all the same"

// idle fails while the build that has paused, or a deploy, is under way.
func idle(ctx context.Context, d *bosh.Client, web *concourse.Client, p pause.Pause) error {
	list, _, err := p.Look(ctx)
	if err != nil {
		return err
	}
	switch runs, err := building(ctx, web, list); {
	case err != nil:
		return fmt.Errorf("%w; nothing was unpaused", err)
	case runs:
		return fmt.Errorf("the build that has paused, %s, still runs; nothing was unpaused: %s", list.Build, byForce)
	}
	holder, err := deploying(ctx, d, p.Deployment)
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
func deploying(ctx context.Context, d *bosh.Client, deployment string) (string, error) {
	tasks, err := d.Tasks(ctx, bosh.TaskFilter{Deployment: deployment, States: bosh.Unfinished(), All: true})
	if err != nil {
		return "", err
	}
	for _, t := range tasks {
		if strings.HasPrefix(t.Description, "create deployment") || strings.HasPrefix(t.Description, "delete deployment") {
			return fmt.Sprintf("director task %d (%s by %s, %s)", t.ID, t.Description, t.User, t.State), nil
		}
	}
	locks, err := d.Locks(ctx)
	for _, l := range locks {
		if l.Type == "deployment" && len(l.Resource) > 0 && l.Resource[0] == deployment && time.Now().Before(l.ExpiresAt) {
			return "director task " + strconv.Itoa(l.TaskID) + " (lock of the deployment)", nil
		}
	}
	return "", err
}

// holdLease does something while it holds the lease of a deployment, if there is
// a store that has one.
func holdLease(ctx context.Context, c *command.Call, store state.Store, deployment string, do func(context.Context) error) error {
	if store == nil {
		return do(ctx)
	}
	host, _ := os.Hostname()
	lease, err := state.Acquire(ctx, store, upgrade.LeaseName(deployment), state.Holder{Purpose: "resume " + deployment, Host: host, PID: os.Getpid()},
		state.LeaseOptions{TTL: connect.LeaseTTL(), Debug: c.Logger()})
	var held *state.HeldError
	switch {
	case errors.As(err, &held):
		return fmt.Errorf("another run is under way; nothing was unpaused: %w; or give --force to unpause all the same", err)
	case err != nil:
		return err
	}
	ctx, cancel := lease.Context(ctx)
	defer cancel()
	err = do(ctx)
	end, stop := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer stop()
	return cmp.Or(err, lease.Release(end))
}
