package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/compatibility"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/deployment"
	"github.com/perpetual-ci/perpetual/pkg/inventory"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/task"
)

// defaultSettle is how long after the deploy the ATC and the workers may take.
const defaultSettle = 5 * time.Minute

// check is one question that verification asks. An error that may pass by
// itself (a web that is restarting) is asked again until it settles.
type check struct {
	name    string
	do      func(ctx context.Context) (string, error)
	settles bool
	moves   bool // a newer deploy changes the answer
}

// checkResult is what a check found.
type checkResult struct {
	name, found string
	err         error
}

func (c checkResult) text() string {
	if c.err != nil {
		return "**failed**: " + c.err.Error()
	}
	return c.found
}

// verify asks every question in order and stops at the first bad answer: the
// task is done, the instances run, the ATC has the wanted version, the wanted
// workers run. What a newer deploy is changing just now it leaves to that one's
// own verification.
func (v Verification) verify(ctx context.Context, f *Facts) error {
	wanted, err := inventory.Deployed(f.Deployed)
	if err != nil {
		return err
	}
	settle := v.Settle
	if settle == 0 {
		settle = defaultSettle
	}
	settling, cancel := context.WithTimeoutCause(ctx, settle, fmt.Errorf("it did not settle within %s", settle))
	defer cancel()
	for _, c := range v.checks(f, wanted) {
		result := checkResult{name: c.name}
		result.found, result.err = v.ask(settling, c)
		if result.err != nil && (c.settles || c.moves) {
			newer, err := v.newer(ctx, f)
			if err == nil && newer != nil && newer.State != bosh.StateQueued {
				result.found, result.err = fmt.Sprintf("not judged: %s changes it", newer.Label()), nil
			}
		}
		f.checks = append(f.checks, result)
		_, _ = fmt.Fprintf(v.Log, "%s: %s\n", c.name, result.text())
		if result.err != nil {
			return fmt.Errorf("%s: %w", c.name, result.err)
		}
	}
	return nil
}

// newer is a later deploy of the deployment that runs, or else is queued; nil if there
// is none.
func (v Verification) newer(ctx context.Context, f *Facts) (*bosh.Task, error) {
	tasks, err := v.Director.Tasks(ctx, bosh.TaskFilter{
		Deployment: f.Deployment, States: []string{bosh.StateQueued, bosh.StateProcessing, bosh.StateCancelling}, All: true,
	})
	if err == nil {
		tasks, err = task.LeaveQueued(ctx, v.Director, tasks, func(t bosh.Task) {
			_, _ = fmt.Fprintf(v.Log, "director task %d is queued, and later ones have ended: no worker will take it; %s\n", t.ID, t.Unqueue())
		})
	}
	var found *bosh.Task
	for _, t := range task.ByID(tasks) {
		if t.ID > f.Task.ID && t.Holds() && (found == nil || found.State == bosh.StateQueued) {
			found = &t
		}
	}
	return found, err
}

// checks is the list of questions; more belong at its end.
func (v Verification) checks(f *Facts, wanted deployment.Deployment) []check {
	list := []check{{name: "director task", do: func(context.Context) (string, error) { return f.taskDone() }}}
	if v.Set != nil || v.Sets != nil {
		list = append(list, check{name: "component set", moves: true, do: func(ctx context.Context) (string, error) { return v.setDeployed(ctx, f) }})
	}
	list = append(list,
		check{name: "instances", settles: true, do: func(ctx context.Context) (string, error) { return v.instancesRun(ctx, f, wanted) }})
	if v.ATC == nil {
		_, _ = fmt.Fprintln(v.Log, "the source has no concourse section: the ATC and its workers are not asked")
		return list
	}
	return append(list,
		check{name: "Concourse version", settles: true, do: func(ctx context.Context) (string, error) {
			return v.version(ctx, wanted.Release(inventory.Concourse))
		}},
		check{name: "workers", settles: true, do: func(ctx context.Context) (string, error) {
			return v.workers(ctx, f.Deployment, f, wanted)
		}})
}

// ask repeats a check that may settle, until ctx ends.
func (v Verification) ask(ctx context.Context, c check) (string, error) {
	poll := v.Poll
	if poll == 0 {
		poll = 2 * time.Second
	}
	var last error
	for {
		found, err := c.do(ctx)
		if err == nil || !c.settles || (concourse.Refused(err) || bosh.Refused(err)) {
			return found, err
		}
		if last == nil || ctx.Err() == nil { // a look that was cut short tells less than the one before
			last = err
		}
		if waited := retry.Sleep(ctx, poll); waited != nil {
			if errors.Is(last, waited) {
				return "", last
			}
			if errors.Is(last, ctx.Err()) {
				return "", waited
			}
			return "", fmt.Errorf("%w (%w)", last, waited)
		}
	}
}

func (f *Facts) taskDone() (string, error) {
	if f.Task.State == bosh.StateDone {
		return fmt.Sprintf("%d is done", f.Task.ID), nil
	}
	failure := task.Failure{}
	if f.Failure != nil {
		failure = *f.Failure
	}
	return "", task.Error(f.Task, failure)
}

// instancesRun wants every instance running. The first look was taken before.
func (v Verification) instancesRun(ctx context.Context, f *Facts, wanted deployment.Deployment) (string, error) {
	if running, bad := notRunning(f.Instances, wanted); running == 0 || bad != "" {
		instances, err := v.Director.Instances(ctx, f.Deployment)
		if err != nil {
			return "", err
		}
		f.Instances = instances
	}
	running, bad := notRunning(f.Instances, wanted)
	switch {
	case bad != "":
		return "", errors.New(bad)
	case running == 0:
		return "", errors.New("no instance of the deployment runs")
	}
	return fmt.Sprintf("%d run", running), nil
}

// notRunning counts those that run, and names one that does not and should: an
// errand's VMs come and go, and an operator may have stopped others.
func notRunning(instances []bosh.Instance, wanted deployment.Deployment) (running int, bad string) {
	for _, i := range instances {
		errand := slices.ContainsFunc(wanted.InstanceGroups, func(g deployment.InstanceGroup) bool {
			return g.Name == i.Group && g.Lifecycle == "errand"
		})
		switch {
		case i.State == "running":
			running++
		case errand || i.Wanted == "stopped" || i.Wanted == "detached":
		case bad == "":
			bad = fmt.Sprintf("%s/%s (%d) is %s", i.Group, i.ID, i.Index, cmp.Or(i.State, "without a VM"))
		}
	}
	return running, bad
}

// version wants the ATC to be of the version of the concourse release, which
// carries Concourse's own version number.
func (v Verification) version(ctx context.Context, wanted string) (string, error) {
	info, err := v.ATC.Info(ctx)
	if err != nil {
		return "", fmt.Errorf("ask the ATC: %w", err)
	}
	if wanted == "" {
		return fmt.Sprintf("%s (not compared: the manifest has no release %q)", info.Version, inventory.Concourse), nil
	}
	if !compatibility.Same(info.Version, wanted) {
		return "", fmt.Errorf("the ATC reports %s, wanted is %s", info.Version, wanted)
	}
	return info.Version, nil
}
